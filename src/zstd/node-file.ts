import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { DictionaryError } from '../errors.js'
import { COPY_ZSTD } from './decoders/copy-zstd.js'
import { requireFrom } from './node-require.js'

/**
 * Reads the decoder. Our build puts it beside this module, and a bundler or the program beside the
 * bundle; else it is in the package that it comes from. Rejects with `DictionaryError` that cannot
 * be retried if it is nowhere.
 */
export async function readZstd(places = PLACES): Promise<Uint8Array<ArrayBuffer>> {
  for (const place of places) {
    try {
      return Uint8Array.from(await readFile(place()))
    } catch (error) {
      if (!isAbsence(error)) throw error
    }
  }
  throw new DictionaryError(`there is no zstd decoder: ${COPY_ZSTD}`, { retryable: false })
}

type Place = () => URL | string

const FILE = 'zstd.wasm'

const PLACES: readonly Place[] = [
  // Bundlers recognise this form, and copy the file. A bundle in CommonJS has no `import.meta.url`.
  () => new URL('./zstd.wasm', import.meta.url),
  () => join(__dirname, FILE),
  () => ofPackage(import.meta.url),
  () => ofPackage(argv[1] ?? ''),
]

/** The package exports only its entry; the file is beside it. */
const ofPackage = (from: string): string =>
  join(dirname(requireFrom(from).resolve('@bokuweb/zstd-wasm')), FILE)

// What `new URL`, `__dirname`, `createRequire` and `resolve` throw where a place does not exist.
const ABSENT = ['ENOENT', 'ENOTDIR', 'MODULE_NOT_FOUND', 'ERR_INVALID_URL', 'ERR_INVALID_ARG_VALUE']

const isAbsence = (error: unknown): boolean =>
  error instanceof ReferenceError ||
  ABSENT.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')
