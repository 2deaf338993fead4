import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DictionaryError } from '../../src/errors.js'
import {
  type DictionaryDecoder,
  probeOf,
  usesDictionary,
} from '../../src/zstd/decoders/dictionary-decoder.js'
import * as decoders from '../../src/zstd/decoders/node-decoders.js'
import { bestDecoder } from '../../src/zstd/node.js'
import { temporaryFolder } from '../socket/bundle.js'
import { dictionaryOf, ONE, TWO } from './frames.js'

jest.mock('../../src/zstd/decoders/node-decoders.js', () => ({
  __esModule: true,
  ...jest.requireActual('../../src/zstd/decoders/node-decoders.js'),
}))

const dictionary = dictionaryOf(ONE)
const tail = dictionary.slice(-32)
const named = (name: DictionaryDecoder['name']) => ({ name }) as DictionaryDecoder

afterEach(() => jest.restoreAllMocks())

describe('a native decoder', () => {
  it('is known by a frame that says the last 32 bytes of the dictionary', () => {
    expect(probeOf(dictionary)).toHaveLength(20)
    expect(usesDictionary(() => tail, dictionary)).toBe(true)
    expect(usesDictionary(() => tail.map((byte) => byte ^ 1), dictionary)).toBe(false)
    expect(usesDictionary(() => tail.subarray(1), dictionary)).toBe(false)
  })

  it('of node:zlib is taken only where it uses the dictionary it is given', () => {
    const ignoring = () => {
      throw new Error('Dictionary mismatch')
    }
    expect(decoders.zlibDecoder(dictionary, { zstdDecompressSync: ignoring })).toBeUndefined()
    expect(
      decoders.zlibDecoder(dictionary, { zstdDecompressSync: () => new Uint8Array(32) }),
    ).toBeUndefined()
    expect(decoders.zlibDecoder(dictionary, {})).toBeUndefined()
    expect(decoders.zlibDecoder(dictionary, { zstdDecompressSync: () => tail })).toMatchObject({
      name: 'zlib',
      dictionaryId: ONE,
    })
  })

  it('of zstd-napi is taken only where it is installed, built and uses dictionaries', async () => {
    const absent = () => Promise.reject(new Error("Cannot find module 'zstd-napi'"))
    const binding = (bytes: Uint8Array) => ({
      DDict: class {},
      DCtx: class {
        decompressUsingDDict(target: Uint8Array) {
          target.set(bytes)
          return bytes.length
        }
      },
    })
    expect(await decoders.napiDecoder(dictionary, absent)).toBeUndefined()
    expect(await decoders.napiDecoder(dictionary, async () => ({ default: {} }))).toBeUndefined()
    expect(
      await decoders.napiDecoder(dictionary, async () => binding(new Uint8Array(32))),
    ).toBeUndefined()
    expect(await decoders.napiDecoder(dictionary, async () => binding(tail))).toMatchObject({
      name: 'napi',
      dictionaryId: ONE,
    })
    expect(
      await decoders.napiDecoder(dictionary, async () => ({ default: binding(tail) })),
    ).toMatchObject({ name: 'napi' })
  })

  it('of zstd-napi is looked up from the program, where this package cannot see it', async () => {
    using folder = temporaryFolder()
    const installed = join(folder.path, 'node_modules/native-zstd')
    mkdirSync(installed, { recursive: true })
    writeFileSync(join(installed, 'binding.js'), 'exports.of = "the program"')
    const load = (program?: string) => decoders.loadBinding(program, 'native-zstd/binding.js')
    expect(await load(join(folder.path, 'program.js'))).toMatchObject({ of: 'the program' })
    await expect(load(join(folder.path, '../elsewhere.js'))).rejects.toThrow('native-zstd')
    await expect(load()).rejects.toThrow('native-zstd')
  })
})

// One dictionary for each case: a decoder is kept for as long as the process lives.
const another = (id: number) => dictionary.map((byte, at) => (at === 4 ? id : byte))

describe('the best decoder', () => {
  it('is the native one where there is one', async () => {
    jest.spyOn(decoders, 'napiDecoder').mockResolvedValue(named('napi'))
    expect((await bestDecoder(another(1))).name).toBe('napi')
  })

  it('is WebAssembly where there is none', async () => {
    jest.spyOn(decoders, 'napiDecoder').mockResolvedValue(undefined)
    jest.spyOn(decoders, 'zlibDecoder').mockReturnValue(named('zlib'))
    expect((await bestDecoder(another(2))).name).toBe('wasm')
  })

  it("is Node's own where WebAssembly is forbidden", async () => {
    jest.spyOn(decoders, 'napiDecoder').mockResolvedValue(undefined)
    jest.spyOn(decoders, 'nodeWasmDecoder').mockRejectedValue(new Error('no WebAssembly'))
    jest.spyOn(decoders, 'zlibDecoder').mockReturnValue(named('zlib'))
    expect((await bestDecoder(another(3))).name).toBe('zlib')
  })

  it('is a DictionaryError where there is none at all, and is looked for again', async () => {
    jest.spyOn(decoders, 'napiDecoder').mockResolvedValue(undefined)
    jest.spyOn(decoders, 'zlibDecoder').mockReturnValue(undefined)
    jest.spyOn(decoders, 'nodeWasmDecoder').mockRejectedValueOnce(new Error('no WebAssembly'))
    await expect(bestDecoder(another(4))).rejects.toMatchObject({
      code: 'DICTIONARY',
      message: 'no zstd decoder can be had: no WebAssembly',
    })
    expect((await bestDecoder(another(4))).name).toBe('wasm')
  })

  it('is one for each dictionary of a process, also for those who ask at once', async () => {
    const [one, two, same] = await Promise.all([
      bestDecoder(dictionary),
      bestDecoder(dictionaryOf(TWO)),
      bestDecoder(dictionary.slice()),
    ])
    expect(same).toBe(one)
    expect(two).not.toBe(one)
    expect([one.dictionaryId, two.dictionaryId]).toEqual([ONE, TWO])
  })

  it('is refused for bytes that are no dictionary', async () => {
    await expect(bestDecoder(Buffer.from('<!doctype html>'.repeat(9)))).rejects.toThrow(
      DictionaryError,
    )
  })
})
