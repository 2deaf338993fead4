import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { DictionaryDecoder } from './dictionary-decoder.js'
import { textOf } from './node-text.js'
import { compileZstd, wasmDecoder } from './wasm.js'

let compiled: Promise<WebAssembly.Module> | undefined

export async function nodeWasmDecoder(dictionary: Uint8Array): Promise<DictionaryDecoder> {
  compiled ??= readZstd().then(compileZstd)
  try {
    return wasmDecoder(await compiled, dictionary, textOf)
  } catch (error) {
    compiled = undefined
    throw error
  }
}

async function readZstd(): Promise<Uint8Array<ArrayBuffer>> {
  // The package exports its entry alone; the file lies beside it.
  const entry = createRequire(import.meta.url).resolve('@bokuweb/zstd-wasm')
  return Uint8Array.from(await readFile(join(dirname(entry), 'zstd.wasm')))
}
