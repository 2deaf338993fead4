import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn, ROOT, textOf } from './source-files.js'

// A copy, since a build in the repository would pull `dist` from under who runs it.
const STAGE = join(ROOT, '.tmp/package')
const manifest = JSON.parse(textOf('package.json'))
const subpaths = Object.keys(manifest.exports).filter((path) => !/\.(json|wasm)$/.test(path))
// What a build puts beside the compiled sources.
const ASSETS = ['dist/zstd/zstd.wasm']
const specifierOf = (subpath: string): string => join('rxjs-atproto', subpath)

function pack(): readonly string[] {
  rmSync(STAGE, { recursive: true, force: true })
  mkdirSync(STAGE, { recursive: true })
  for (const path of [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/finish-build.mjs',
    'src',
    ...manifest.files,
  ]) {
    if (path !== 'dist' && existsSync(join(ROOT, path)))
      cpSync(join(ROOT, path), join(STAGE, path), { recursive: true })
  }
  const answer = JSON.parse(
    execFileSync('npm', ['pack', '--json'], {
      cwd: STAGE,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  // Since npm 12 an object by name.
  const { files } = Array.isArray(answer) ? answer[0] : answer[manifest.name]
  return files.map((file: { path: string }) => file.path).sort()
}

const files = pack()

describe('the package', () => {
  it('holds what the sources build, with its types, and the pages that the README links', () => {
    const built = filesIn('src').flatMap((file) =>
      ['js', 'd.ts'].map((end) => file.replace(/^src/, 'dist').replace(/ts$/, end)),
    )
    const pages = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'llms.txt',
      'package.json',
      ...filesIn('dashboards', /./),
      ...filesIn('docs', /\.md$/),
    ]
    expect(files).toEqual([...built, ...ASSETS, ...pages].sort())
  })

  it('exports only files that it holds, types first', () => {
    for (const target of Object.values(manifest.exports) as (string | Record<string, string>)[]) {
      if (typeof target === 'string') expect(files).toContain(target.slice(2))
      else {
        expect(Object.keys(target)).toEqual(['types', 'default'])
        for (const path of Object.values(target)) expect(files).toContain(path.slice(2))
      }
    }
    for (const conditions of Object.values<Record<string, string>>(manifest.imports))
      for (const path of Object.values(conditions)) expect(files).toContain(path.slice(2))
    for (const path of Object.values(manifest.bin) as string[])
      expect(files).toContain(path.slice(2))
  })

  it('has rxjs for the only peer that it needs: all others are optional', () => {
    const { rxjs, ...others } = manifest.peerDependencies
    expect(rxjs).toBeDefined()
    const optional = Object.keys(others).map((name) => [name, { optional: true }])
    expect(manifest.peerDependenciesMeta).toEqual(Object.fromEntries(optional))
  })

  it('has a command that a shell can run', () => {
    expect(readFileSync(join(STAGE, manifest.bin['rxjs-atproto']), 'utf8')).toMatch(
      /^#!\/usr\/bin\/env node\n/,
    )
  })

  it.each(subpaths)('answers an import of %s on plain Node', (subpath) => {
    const program = `console.log(Object.keys(await import('${specifierOf(subpath)}')).join())`
    const names = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: STAGE,
      encoding: 'utf8',
    })
    expect(names.trim()).not.toBe('')
  })

  // `npm run api -- --check` compares them, which is a step of `npm run ci`: it takes long.
  it('has a report of the public API of each entry', () => {
    const nameOf = (subpath: string) =>
      subpath === '.' ? 'index' : subpath.slice(2).replaceAll('/', '-')
    expect(filesIn('api', /./)).toEqual(
      subpaths.map((subpath) => `api/${nameOf(subpath)}.api.md`).sort(),
    )
    expect(textOf('.ci/run')).toMatch(/^api\(\) \{ node scripts\/api\.mjs --check; \}$/m)
  })

  it('has types that hold without skipLibCheck, the main entry also without those of Node', () => {
    const check = (types: readonly string[], specifiers: readonly string[]) => {
      writeFileSync(
        join(STAGE, 'user.mts'),
        specifiers.map((from, n) => `export * as m${n} from '${from}'`).join('\n'),
      )
      const options = {
        module: 'NodeNext',
        target: 'ES2022',
        lib: ['ES2022', 'DOM', 'ESNext.Disposable'],
        strict: true,
        types,
        noEmit: true,
      }
      writeFileSync(
        join(STAGE, 'tsconfig.user.json'),
        JSON.stringify({ compilerOptions: options, files: ['user.mts'] }),
      )
      rmSync(join(STAGE, 'src'), { recursive: true, force: true })
      return spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.user.json'], {
        cwd: STAGE,
        encoding: 'utf8',
      }).stdout
    }
    expect(check([], ['rxjs-atproto'])).toBe('')
    expect(check(['node'], subpaths.map(specifierOf))).toBe('')
  })
})
