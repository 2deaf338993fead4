import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { idOf } from '../dictionary/dictionary.js'
import { type DictionaryDecoder, dictionaryDecoder, type Inflate } from './dictionary-decoder.js'
import { textOf } from './node-text.js'
import { usesDictionary } from './probe.js'

/**
 * The part of `zstd-napi` that we use: its `Decompressor` would take whatever memory a frame asks
 * for.
 */
interface Binding {
  readonly DCtx: new () => {
    decompressUsingDDict(target: Uint8Array, frame: Uint8Array, dictionary: object): number
  }
  readonly DDict: new (dictionary: Uint8Array) => object
}

const MIN_BUFFER_BYTES = 65_536
// As a value, so that neither the compiler nor a bundler looks for what may be absent.
const BINDING: string = 'zstd-napi/binding.js'

/**
 * The native decoder of the optional package `zstd-napi`; undefined where it is not installed, or
 * was not built.
 */
export async function napiDecoder(
  dictionary: Uint8Array,
  load: () => Promise<unknown> = () => loadBinding(process.argv[1]),
): Promise<DictionaryDecoder | undefined> {
  try {
    const loaded = (await load()) as Binding | { default: Binding }
    const inflate = inflateOf('default' in loaded ? loaded.default : loaded, dictionary)
    return usesDictionary(inflate, dictionary)
      ? dictionaryDecoder('napi', idOf(dictionary), inflate, textOf)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Looked up from here, then from the program: pnpm and yarn hide from a package what its own
 * `package.json` does not name. A peer dependency, even an optional one, would name it, and make a
 * copy of this library for each set of peers.
 */
export async function loadBinding(
  program: string | undefined,
  binding: string = BINDING,
): Promise<unknown> {
  try {
    return await import(binding)
  } catch (error) {
    if (program === undefined) throw error
    return import(pathToFileURL(createRequire(program).resolve(binding)).href)
  }
}

function inflateOf({ DCtx, DDict }: Binding, dictionary: Uint8Array): Inflate {
  const [context, prepared] = [new DCtx(), new DDict(dictionary)]
  let output = Buffer.alloc(MIN_BUFFER_BYTES)
  return (frame, capacity) => {
    if (capacity > output.length) output = Buffer.alloc(capacity)
    return output.subarray(
      0,
      context.decompressUsingDDict(output.subarray(0, capacity), frame, prepared),
    )
  }
}
