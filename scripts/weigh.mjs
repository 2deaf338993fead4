// What a page loads, without rxjs: built from dist as a bundler does it, minified and compressed.
// Fails above the limits. `--profile` lists what each module costs: the bytes of gzip that would be
// saved without it, and without what it alone needs.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

// Up to the first event; and what `jetstream$` loads beside its first open connection.
const MOST_BYTES = { jetstream$: 27_200, 'jetstream$, in all': 31_500, tap$: 18_200 }
const RESUMING = 'live/resuming.js'

const program = (name) => `export { ${name} } from './dist/index.js'`

/** `later`: modules that are loaded by an `import()`, and are to be in the bundle all the same. */
async function weigh(contents, { later = [], without } = {}) {
  const plugin = {
    name: 'page',
    setup(builder) {
      // A chunk of its own. Rollup, Vite and webpack leave out of it what the page has already.
      builder.onResolve({ filter: /.*/ }, ({ kind, path }) => {
        const isHere = later.some((name) => name.endsWith(path.replace(/^(\.+\/)+/, '')))
        return kind === 'dynamic-import' && !isHere ? { external: true, path } : undefined
      })
      builder.onLoad({ filter: /\.js$/ }, ({ path }) =>
        without !== undefined && path.endsWith(without) ? { contents: emptied(path) } : undefined,
      )
    },
  }
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['rxjs'],
    write: false,
    metafile: true,
    logLevel: 'error',
    plugins: [plugin],
  })
  const [{ inputs, imports }] = Object.values(metafile.outputs)
  const [{ contents: code }] = outputFiles
  return { bytes: gzipSync(code, { level: 9 }).length, inputs, imports }
}

/** A module with the same exports and nothing in it. */
function emptied(path) {
  const text = readFileSync(path, 'utf8')
  const declared = /^export (?:async )?(?:const|let|class|function\*?) (\w+\$?)/gm
  const listed = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) => list.split(','))
  const names = [
    ...[...text.matchAll(declared)].map(([, name]) => name),
    ...listed.map((one) => one.split(' as ').at(-1).trim()),
  ]
  return names.map((name, i) => `let x${i} = globalThis.x; export { x${i} as ${name} }`).join('\n')
}

const first = await weigh(program('jetstream$'))
const inAll = await weigh(program('jetstream$'), { later: [RESUMING] })
const tap = await weigh(program('tap$'))

if (process.argv.includes('--profile')) {
  const costs = []
  for (const [path, { bytesInOutput }] of Object.entries(first.inputs)) {
    if (bytesInOutput < 100 || !path.startsWith('dist/')) continue
    const { bytes } = await weigh(program('jetstream$'), { without: path })
    costs.push([first.bytes - bytes, path])
  }
  for (const [bytes, path] of costs.sort(([a], [b]) => b - a))
    console.log(String(bytes).padStart(8), path)
}

let isTooMuch = false
const weights = { jetstream$: first, 'jetstream$, in all': inAll, tap$: tap }
for (const [name, { bytes }] of Object.entries(weights)) {
  console.log(`${name}: ${bytes} bytes of gzip without rxjs, ${MOST_BYTES[name]} at most`)
  isTooMuch ||= bytes > MOST_BYTES[name]
}
for (const path of new Set(
  first.imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path),
)) {
  const { bytes } = await weigh(program('jetstream$'), { later: [path] })
  console.log(`  ${bytes - first.bytes} more for ${path}`)
}
process.exitCode = isTooMuch ? 1 : 0
