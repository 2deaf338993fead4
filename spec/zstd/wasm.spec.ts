import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { init } from '@bokuweb/zstd-wasm'
import { FrameError } from '../../src/errors.js'
import { decoderOf, nodeWasmDecoder } from '../../src/zstd/decoders/node-decoders.js'
import { exposePrepared, prepareDictionary } from '../../src/zstd/decoders/prepared-dictionary.js'
import { compileZstd } from '../../src/zstd/decoders/wasm.js'
import { WasmInstance, WRAPPER } from '../../src/zstd/decoders/wasm-instance.js'
import { dictionaryOf, encoder, ONE, TWO } from './frames.js'

const file = new Uint8Array(
  readFileSync(join(dirname(createRequire(__filename).resolve('@bokuweb/zstd-wasm')), 'zstd.wasm')),
)
const dictionary = dictionaryOf(ONE)
const MAX_BYTES = 2 ** 20

const load = (zstd: WasmInstance, bytes: Uint8Array, id = ONE) => ({
  address: zstd.put(bytes),
  bytes: bytes.length,
  id,
})

afterEach(() => jest.restoreAllMocks())

describe('the file of the package', () => {
  it('gives its way to use a prepared dictionary', async () => {
    const zstd = new WasmInstance(await compileZstd(file))
    expect(zstd.decompressPrepared).toBeDefined()
    expect(prepareDictionary(zstd, zstd.createDCtx(), load(zstd, dictionary))).toBeGreaterThan(0)
  })

  it('gives none where it is built in another way', async () => {
    expect(exposePrepared(file, WRAPPER)?.length).toBeGreaterThan(file.length)
    expect(exposePrepared(file, 'l')).toBeUndefined()
    expect(exposePrepared(file, 'absent')).toBeUndefined()
    expect(
      exposePrepared(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), WRAPPER),
    ).toBeUndefined()
    const plain = new WasmInstance(await WebAssembly.compile(file))
    expect(prepareDictionary(plain, plain.createDCtx(), load(plain, dictionary))).toBeUndefined()
  })

  it('prepares no dictionary that does not come out right', async () => {
    const zstd = new WasmInstance(await compileZstd(file))
    expect(prepareDictionary(zstd, zstd.createDCtx(), load(zstd, dictionary, TWO))).toBeUndefined()
  })
})

describe('the file of another version of the package', () => {
  const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

  /** The file with two of its exports under each other's names, each of one letter. */
  function withSwapped(one: string, other: string): Uint8Array<ArrayBuffer> {
    const [a, b] = [one.charCodeAt(0), other.charCodeAt(0)]
    // An export: the length of its name, the name, and 0 for a function.
    const placeOf = (code: number) => Buffer.from(file).indexOf(Uint8Array.of(1, code, 0)) + 1
    const [placeOfOne, placeOfOther] = [placeOf(a), placeOf(b)]
    expect(Math.min(placeOfOne, placeOfOther)).toBeGreaterThan(0)
    return file.map((byte, at) => (at === placeOfOne ? b : at === placeOfOther ? a : byte))
  }

  it.each([
    ['has other imports and exports', () => EMPTY_MODULE],
    ['has other names for its exports', () => withSwapped('n', 'i')],
  ])('that %s is used through the public API of the package', async (_, otherFile) => {
    const frame = (await encoder(dictionary))('{"other":"version"}')
    const put = jest.spyOn(WasmInstance.prototype, 'put')
    const decoder = await decoderOf(await compileZstd(otherFile()), dictionary)
    put.mockClear()
    expect(decoder.decode(frame, MAX_BYTES)).toBe('{"other":"version"}')
    expect(put).not.toHaveBeenCalled()
  })
})

describe('the WebAssembly decoder', () => {
  it('loads its dictionary once, however many frames come', async () => {
    const put = jest.spyOn(WasmInstance.prototype, 'put')
    const encode = await encoder(dictionary)
    const decoder = await nodeWasmDecoder(dictionary)
    for (let n = 0; n < 1000; n += 1)
      expect(decoder.decode(encode(`{"n":${n}}`), MAX_BYTES)).toBe(`{"n":${n}}`)
    expect(put.mock.calls.filter(([bytes]) => bytes.length === dictionary.length)).toHaveLength(1)
  })

  it('goes on with a new memory after a trap', async () => {
    const frame = (await encoder(dictionary))('{"after":"trap"}')
    const decoder = await nodeWasmDecoder(dictionary)
    const heap = jest.spyOn(WasmInstance.prototype, 'heap', 'get').mockImplementationOnce(() => {
      throw new WebAssembly.RuntimeError('unreachable')
    })
    const put = jest.spyOn(WasmInstance.prototype, 'put')
    expect(() => decoder.decode(frame, MAX_BYTES)).toThrow(
      /^the zstd frame is corrupt: unreachable$/,
    )
    expect(heap).toHaveBeenCalledTimes(1)
    expect(decoder.decode(frame, MAX_BYTES)).toBe('{"after":"trap"}')
    expect(put).toHaveBeenCalledWith(dictionary)
  })

  it('keeps its memory after a bad frame', async () => {
    const frame = (await encoder(dictionary))('{"after":"bad"}'.repeat(9))
    const decoder = await nodeWasmDecoder(dictionary)
    const put = jest.spyOn(WasmInstance.prototype, 'put')
    const bad = frame.map((byte, at) => (at > 14 ? byte ^ 0xff : byte))
    expect(() => decoder.decode(bad, MAX_BYTES)).toThrow(FrameError)
    expect(decoder.decode(frame, MAX_BYTES)).toBe('{"after":"bad"}'.repeat(9))
    expect(put).not.toHaveBeenCalled()
  })

  it('does not mind that another library starts the package again', async () => {
    const frame = (await encoder(dictionary))('{"a":1}')
    const decoder = await nodeWasmDecoder(dictionary)
    await init()
    expect(decoder.decode(frame, MAX_BYTES)).toBe('{"a":1}')
    expect((await nodeWasmDecoder(dictionary)).decode(frame, MAX_BYTES)).toBe('{"a":1}')
  })
})
