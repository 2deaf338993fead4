// What the compiler does not do, after it: `npm run build`.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

// Bundlers find the decoder beside the module that reads it.
const zstd = createRequire(import.meta.url).resolve('@bokuweb/zstd-wasm')
copyFileSync(join(dirname(zstd), 'zstd.wasm'), 'dist/zstd/zstd.wasm')

// A bundler that meets this folder through a link reads the nearest tsconfig.json. Ours leads from
// `#socket` to the sources of Node.
writeFileSync('dist/tsconfig.json', '{}\n')

// TypeScript's `moduleResolution: node10` does not know the `imports` of package.json.
const { imports } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const file of readdirSync('dist', { recursive: true })) {
  if (!file.endsWith('.d.ts')) continue
  const path = join('dist', file)
  const text = readFileSync(path, 'utf8')
  const plain = text.replaceAll(/(['"])(#\w+)\1/g, (found, quote, name) => {
    // Some types have values that look alike.
    if (imports[name] === undefined) return found
    const target = relative(dirname(path), imports[name].default).replaceAll('\\', '/')
    return `${quote}${target.startsWith('.') ? target : `./${target}`}${quote}`
  })
  if (plain !== text) writeFileSync(path, plain)
}
