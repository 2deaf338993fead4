import { Control } from '../../../src/connection/control.js'
import type { CursorProtocol } from '../../../src/connection/protocol.js'
import { recordChecker } from '../../../src/connection/records.js'
import { FrameError } from '../../../src/errors.js'
import { type JetstreamConfig, type JetstreamEvent, jetstream$ } from '../../../src/index.js'
import { type SliceableBytes, TextBytes } from '../../../src/socket/text-bytes.js'
import type { Compression } from '../../../src/sources/jetstream/compression.js'
import { eager, lazy } from '../../../src/sources/jetstream/decoding.js'
import { v1 } from '../../../src/sources/jetstream/v1.js'
import { v2 } from '../../../src/sources/jetstream/v2.js'
import { type FakeJetstreamOptions, fakeJetstream } from '../../../src/testing/index.js'
import type { DictionaryDecoder } from '../../../src/zstd/dictionary-decoder.js'
import { napiDecoder } from '../../../src/zstd/node-napi.js'
import { nodeWasmDecoder } from '../../../src/zstd/node-wasm.js'
import { zlibDecoder } from '../../../src/zstd/node-zlib.js'
import { first } from '../../traps/watched.js'
import { bytesOf, framesOf, hasData, linesOf } from '../../zstd/data.js'

// Records of one running server, seq 121 to 564, over both wires and compressed.
const V1 = hasData ? linesOf('simulator/v1.ndjson') : []
const V2 = hasData ? linesOf('simulator/v2.ndjson') : []
const V2_DICTIONARY = hasData ? bytesOf('jetstream/subscribe_events_20260811.zdict') : new Uint8Array()
const V1_DICTIONARY = hasData ? bytesOf('jetstream/zstd_dictionary') : new Uint8Array()

// What JSON.parse gives is what a v1 reader gets; it alone says what is the same event.
const ON_V1 = V1.map((line) => JSON.parse(line) as JetstreamEvent)
const ON_V1_BY_CURSOR = new Map(ON_V1.map((event) => [event.cursor, event]))

/** Events of wire v2 are those of wire v1, and what only v2 has: repositories set anew, and the rows that follow. */
function expectSameEvents(events: readonly JetstreamEvent[]): void {
  expect(events.map(({ cursor }) => cursor)).toEqual(V2.map((line) => JSON.parse(line).payload.seq))
  expect(events.filter(({ cursor }) => ON_V1_BY_CURSOR.has(cursor))).toEqual(ON_V1)
  const others = events.filter(({ cursor }) => !ON_V1_BY_CURSOR.has(cursor))
  const syncs = others.filter(({ kind }) => kind === 'sync')
  expect(syncs).toHaveLength(4)
  expect(others).toHaveLength(26)
  const revs = new Set(syncs.map((event) => event.kind === 'sync' && event.sync.rev))
  const rows = others.filter((event) => event.kind === 'commit')
  for (const row of rows) expect(revs).toContain(row.kind === 'commit' && row.commit.rev)
}

const DECODINGS = { eager: eager(recordChecker()), lazy: lazy(recordChecker()) } as const

/** What a socket hands out for a text message, where the protocol wants bytes. */
function decodeText(protocol: CursorProtocol<JetstreamEvent>, line: string) {
  const bytes = Buffer.from(line) as Buffer & SliceableBytes
  return protocol.decodeBytes?.(new TextBytes(bytes, 0, bytes.length)) ?? protocol.decode(line)
}

/** Whether a record was left as text. */
const isLazy = (event: JetstreamEvent | Control): boolean =>
  'kind' in event && event.kind === 'commit' && Object.getOwnPropertyDescriptor(event.commit, 'record')?.get !== undefined

const DECODERS: Readonly<Record<string, (dictionary: Uint8Array) => Promise<DictionaryDecoder | undefined>>> = {
  wasm: nodeWasmDecoder,
  napi: napiDecoder,
  zlib: async (dictionary) => zlibDecoder(dictionary),
}

const describeRecorded = hasData ? describe : describe.skip

describeRecorded.each(['eager', 'lazy'] as const)('what a running server sent (needs ../shared/data), decoded %s,', (decode) => {
  const options = (decoder?: DictionaryDecoder) => {
    const compression: Compression = { ...(decoder && { decoder }), status: { name: decoder ? 'zstd' : 'none' } }
    return { maxFrameBytes: 1_000_000, decoding: DECODINGS[decode], compression }
  }

  it('is the same events on both wires', () => {
    const [one, two] = [v1('ws://h/subscribe', {}, options()), v2('ws://h/xrpc/x', {}, options())]
    expect(V1.map((line) => decodeText(one, line))).toEqual(ON_V1)
    expectSameEvents(V2.map((line) => decodeText(two, line) as JetstreamEvent))
  })

  it.each(Object.keys(DECODERS))('is the same events compressed, by the decoder %s where it is present', async (name) => {
    const decoder = await DECODERS[name]?.(V2_DICTIONARY)
    if (decoder === undefined) {
      console.log(`the decoder ${name} is not present on this Node`)
      return
    }
    const two = v2('ws://h/xrpc/x', {}, options(decoder))
    const frames = framesOf('simulator/v2_zstd.bin')
    const events = frames.map((frame) => two.decode(frame) as JetstreamEvent)
    expect(events.filter(isLazy).length > events.length / 2).toBe(decode === 'lazy')
    expectSameEvents(events)
  })

  it.each(Object.keys(DECODERS))('of wire v1 is the same events compressed, by the decoder %s where it is present', async (name) => {
    const decoder = await DECODERS[name]?.(V1_DICTIONARY)
    if (decoder === undefined) return
    const one = v1('ws://h/subscribe', {}, options(decoder))
    const lines = linesOf('jetstream/real_v1.ndjson')
    const events = framesOf('derived/real_v1_zstd_frames.bin').map((frame) => one.decode(frame))
    expect(events.filter(isLazy).length > events.length / 2).toBe(decode === 'lazy')
    expect(events).toEqual(lines.map((line) => JSON.parse(line)))
  })

  it('differs by nothing but its cursor from what a v1 reader of the network got', () => {
    const two = v2('ws://h/xrpc/x', {}, options())
    for (const line of linesOf('jetstream/real_v2_frames.ndjson')) {
      const event = decodeText(two, line)
      if (event instanceof Control) throw new Error('it is no event')
      expect(decodeText(v1('ws://h/subscribe', {}, options()), JSON.stringify(event))).toEqual(event)
    }
  })

  const packed = (file: string, lines: readonly string[]) => {
    const frames = new Map(framesOf(file).map((frame, index) => [lines[index], frame]))
    // The server's own bytes, checksums and windows included.
    return (json: Uint8Array) => frames.get(Buffer.from(json).toString()) ?? new Uint8Array()
  }

  const read = async (server: FakeJetstreamOptions, config: (server: { url: string; host: string }) => JetstreamConfig, count: number) => {
    await using fake = await fakeJetstream({ stored: 'all', ...server })
    return await first(count, jetstream$({ cursor: 'oldest', decode, ...config(fake) }))
  }

  it('comes through a socket on wire v1, wire v2 and wire v2 compressed, byte for byte what was sent', async () => {
    const v2Events = { server: 'v2', events: V2 } as const
    expect(await read({ server: 'v2', events: V1 }, ({ url }) => ({ host: url }), V1.length)).toEqual(ON_V1)
    expectSameEvents((await read(v2Events, ({ host }) => ({ host }), V2.length)) as readonly JetstreamEvent[])
    const compressed = { ...v2Events, dictionary: V2_DICTIONARY, compress: packed('simulator/v2_zstd.bin', V2) }
    expectSameEvents((await read(compressed, ({ host }) => ({ host, compress: true }), V2.length)) as readonly JetstreamEvent[])
  })

  it('comes through a socket compressed on wire v1, as the network recorded it', async () => {
    const lines = linesOf('jetstream/real_v1.ndjson')
    const compress = packed('derived/real_v1_zstd_frames.bin', lines)
    const config = { compress: true, zstdDictionary: V1_DICTIONARY } as const
    const events = await read({ events: lines, compress }, ({ url }) => ({ host: url, ...config }), lines.length)
    expect(events).toEqual(lines.map((line) => JSON.parse(line)))
  })

  it('is a reject for every frame that is cut short anywhere, and nothing else', async () => {
    const two = v2('ws://h/xrpc/x', {}, options(await nodeWasmDecoder(V2_DICTIONARY)))
    for (const [index, frame] of framesOf('simulator/v2_zstd.bin').entries()) {
      expect(() => two.decode(frame.subarray(0, (index * 7919) % frame.length))).toThrow(FrameError)
      expect(() => two.decode(frame)).not.toThrow()
    }
  })
})
