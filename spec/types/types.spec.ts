import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const fixtures = readdirSync(__dirname).filter((name) => name.endsWith('.types.ts'))

// Code that must not compile is marked with `@ts-expect-error`: the compiler fails if it compiles.
describe('what must not compile', () => {
  it('is looked at by `npm run typecheck`, file by file', () => {
    const root = resolve(__dirname, '../..')
    const { scripts } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>
    }
    expect(scripts.typecheck).toContain('tsc -p tsconfig.json')
    const compiler = resolve(root, 'node_modules/typescript/bin/tsc')
    const listed = execFileSync(
      process.execPath,
      [compiler, '-p', 'tsconfig.json', '--listFilesOnly'],
      { cwd: root, encoding: 'utf8' },
    )
    const compiled = new Set(listed.split('\n').map((line) => line.trim()))
    expect(fixtures.length).toBeGreaterThan(2)
    for (const name of fixtures)
      expect([name, compiled.has(resolve(__dirname, name))]).toEqual([name, true])
  })

  it.each(fixtures)('has at least three examples in %s, each with its reason', (name) => {
    const marks = readFileSync(resolve(__dirname, name), 'utf8')
      .split('\n')
      .filter((line) => line.includes('@ts-expect-error'))
    expect(marks.length).toBeGreaterThanOrEqual(3)
    for (const mark of marks) expect(mark).toMatch(/\/\/ @ts-expect-error \S.{5,}/)
  })
})
