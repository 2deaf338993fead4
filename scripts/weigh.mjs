// What a page loads for `jetstream$`, without rxjs: built from dist as a bundler does it, minified
// and compressed. Fails above the limit. `--profile` lists what weighs.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const MOST_BYTES = 38_000

const { metafile, outputFiles } = await build({
  stdin: {
    contents: "export { jetstream$ } from './dist/index.js'",
    resolveDir: process.cwd(),
  },
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  external: ['rxjs'],
  outdir: 'out',
  write: false,
  metafile: true,
})

const outputs = Object.entries(metafile.outputs).map(([path, output], index) => ({
  path,
  ...output,
  gzip: gzipSync(outputFiles[index].contents, { level: 9 }).length,
}))
// A chunk behind `import()` is loaded when it is needed: for `compress`.
const loaded = new Set(outputs.filter(({ path }) => path.endsWith('stdin.js')))
for (const { imports } of loaded)
  for (const { path, kind, external } of imports)
    if (kind === 'import-statement' && !external)
      loaded.add(outputs.find((output) => output.path === path))

const bytes = [...loaded].reduce((sum, { gzip }) => sum + gzip, 0)
const later = outputs.filter((output) => !loaded.has(output))

if (process.argv.includes('--profile')) {
  const inputs = [...loaded].flatMap((output) => Object.entries(output.inputs))
  for (const [path, { bytesInOutput }] of inputs.sort(
    ([, a], [, b]) => b.bytesInOutput - a.bytesInOutput,
  ))
    if (bytesInOutput > 0) console.log(String(bytesInOutput).padStart(8), path)
}
for (const { path, gzip } of later) console.log(`${gzip} bytes later: ${path}`)
console.log(`jetstream$ without rxjs: ${bytes} bytes of gzip, ${MOST_BYTES} at most`)
if (bytes > MOST_BYTES) process.exit(1)
