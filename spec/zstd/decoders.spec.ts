import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  decoderOf,
  decodeUtf8,
  napiDecoder,
  nodeWasmDecoder,
  zlibDecoder,
} from '../../src/zstd/decoders/node-decoders.js'
import { wasmDecoder } from '../../src/zstd/decoders/wasm.js'
import { describeDictionaryDecoder } from './describe-dictionary-decoder.js'
import { dictionaryOf, ONE } from './frames.js'

const { resolve } = createRequire(__filename)
// `\0asm`, version 1, and nothing else.
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
const file = () =>
  new Uint8Array(readFileSync(join(dirname(resolve('@bokuweb/zstd-wasm')), 'zstd.wasm')))

describeDictionaryDecoder('WebAssembly', nodeWasmDecoder)

describeDictionaryDecoder(
  'WebAssembly, where the file gives no prepared dictionary,',
  async (dictionary) => wasmDecoder(await WebAssembly.compile(file()), dictionary, decodeUtf8),
)

describeDictionaryDecoder(
  'WebAssembly, where the package is of another version,',
  async (dictionary) => decoderOf(await WebAssembly.compile(EMPTY_MODULE), dictionary),
)

if (zlibDecoder(dictionaryOf(ONE)) !== undefined)
  describeDictionaryDecoder('node:zlib', async (dictionary) => present(zlibDecoder(dictionary)))
else
  describe.skip(`the node:zlib decoder: Node ${process.version} ignores dictionaries`, () =>
    it('is skipped', () => {}))

if (isInstalled('zstd-napi/binding.js'))
  describeDictionaryDecoder('zstd-napi', async (dictionary) =>
    present(await napiDecoder(dictionary)),
  )
else
  describe.skip('the zstd-napi decoder: zstd-napi is not installed', () =>
    it('is skipped', () => {}))

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the decoder is not present')
  return value
}

function isInstalled(name: string): boolean {
  try {
    resolve(name)
    return true
  } catch {
    return false
  }
}
