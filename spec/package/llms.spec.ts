import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn, ROOT, textOf } from './source-files.js'

const index = textOf('llms.txt')
const listed = [...index.matchAll(/^- \[(.+)\]\(([^)]+)\): (.+)$/gm)].map(
  ([, title = '', path = '', text = '']) => ({ title, path, text }),
)

describe('llms.txt', () => {
  it('lists every page of docs once, by its title, with what it is about', () => {
    const pages = filesIn('docs', /\.md$/)
    const titleOf = (page: string) => /^# (.+)$/m.exec(textOf(page))?.[1]
    const told = listed.filter(({ path }) => path.startsWith('docs/'))
    expect(told.map(({ path }) => path).sort()).toEqual([...pages].sort())
    expect(told.map(({ title }) => title)).toEqual(told.map(({ path }) => titleOf(path)))
    expect(listed.filter(({ text }) => text.length < 10)).toEqual([])
  })

  it('lists nothing that is not there', () => {
    expect(listed.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('names the entries of the package', () => {
    const { exports } = JSON.parse(textOf('package.json')) as { readonly exports: object }
    const entries = Object.keys(exports).filter((path) => !/\.(json|wasm)$/.test(path))
    const below = entries.map((path) => path.slice(1)).filter((path) => path !== '')
    expect(below.length).toBeGreaterThan(5)
    expect(below.filter((path) => !index.includes(`\`${path}\``))).toEqual([])
  })

  it('names sources that are exported', () => {
    const names = [...index.matchAll(/`(\w+\$)`/g)].map(([, name = '']) => name)
    const api = filesIn('api', /\.md$/).map(textOf).join('\n')
    expect(names.length).toBeGreaterThan(6)
    expect(
      names.filter((name) => !new RegExp(`(function|const) ${name.replace('$', '\\$')}`).test(api)),
    ).toEqual([])
  })
})
