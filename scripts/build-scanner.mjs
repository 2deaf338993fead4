// Makes scanner-wasm.ts of scanner.wat. Run it after each change of the .wat, and commit both.
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const folder = new URL('../src/sources/jetstream/lazy/', import.meta.url)
const { parseWat } = await wabt()
const { buffer } = parseWat(
  'scanner.wat',
  readFileSync(new URL('scanner.wat', folder), 'utf8'),
).toBinary({})
writeFileSync(
  new URL('scanner-wasm.ts', folder),
  '/** scanner.wat, compiled (`npm run scanner:build`), in base64. */\n' +
    `export const SCANNER_WASM =\n  '${Buffer.from(buffer).toString('base64')}'\n`,
)
