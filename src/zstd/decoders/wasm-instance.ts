/**
 * What the one WebAssembly file of `@bokuweb/zstd-wasm` 0.0.27 exports, under the names of its own
 * build. Addresses and sizes are numbers.
 */
const NAMES = {
  memory: 'f',
  start: 'g',
  compressBound: 'i',
  createCCtx: 'j',
  freeCCtx: 'k',
  compressUsingDict: 'l',
  createDCtx: 'n',
} as const
const MORE_NAMES = { decompressUsingDict: 'q', malloc: 's', free: 't' } as const

export const WRAPPER = MORE_NAMES.decompressUsingDict

/** Not in the file: the export that `exposePrepared` adds. */
export const PREPARED = 'decompress_usingPrepared'

const PAGE_BYTES = 65_536

type Call = (...args: number[]) => number

/**
 * One instance of zstd with its own memory. The package's `init` is not used: a second call of it,
 * by any library, breaks it for the whole process.
 */
export class WasmInstance {
  readonly memory: WebAssembly.Memory
  readonly compressBound: Call
  readonly createCCtx: Call
  readonly freeCCtx: Call
  readonly compressUsingDict: Call
  readonly createDCtx: Call
  readonly decompressUsingDict: Call
  /** Takes an eighth argument, the prepared dictionary. Absent where the file has none to give. */
  readonly decompressPrepared: Call | undefined
  readonly #malloc: Call
  readonly #free: Call
  #view: Uint8Array

  constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module, { a: this.#imports() })
    const call = (name: string) => exports[name] as Call
    this.memory = exports[NAMES.memory] as WebAssembly.Memory
    this.compressBound = call(NAMES.compressBound)
    this.createCCtx = call(NAMES.createCCtx)
    this.freeCCtx = call(NAMES.freeCCtx)
    this.compressUsingDict = call(NAMES.compressUsingDict)
    this.createDCtx = call(NAMES.createDCtx)
    this.decompressUsingDict = call(MORE_NAMES.decompressUsingDict)
    this.decompressPrepared = exports[PREPARED] as Call | undefined
    this.#malloc = call(MORE_NAMES.malloc)
    this.#free = call(MORE_NAMES.free)
    this.#view = new Uint8Array(this.memory.buffer)
    call(NAMES.start)()
  }

  /** All of its memory. Do not keep it: an allocation may replace it. */
  get heap(): Uint8Array {
    if (this.#view.length === 0) this.#view = new Uint8Array(this.memory.buffer)
    return this.#view
  }

  allocate(bytes: number): number {
    const address = this.#malloc(bytes)
    if (address === 0) throw new RangeError(`no memory for ${bytes} bytes`)
    return address
  }

  release(address: number): void {
    this.#free(address)
  }

  /** Copies `bytes` into memory of their own, and returns the address. */
  put(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length)
    this.heap.set(bytes, address)
    return address
  }

  /**
   * `_proc_exit`, `_emscripten_runtime_keepalive_clear`, `_abort_js`, `_setitimer_js`,
   * `_emscripten_resize_heap`.
   */
  #imports(): Record<string, WebAssembly.ImportValue> {
    const abort = () => {
      throw new WebAssembly.RuntimeError('zstd aborted')
    }
    return {
      a: abort,
      b: () => {},
      c: abort,
      d: () => 0,
      e: (bytes: number) => this.#grow(bytes >>> 0),
    }
  }

  #grow(bytes: number): number {
    try {
      this.memory.grow(Math.ceil((bytes - this.memory.buffer.byteLength) / PAGE_BYTES))
      return 1
    } catch {
      return 0
    }
  }
}
