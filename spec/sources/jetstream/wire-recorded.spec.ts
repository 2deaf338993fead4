import { recordChecker } from '../../../src/atproto/records.js'
import { FrameError } from '../../../src/errors.js'
import { type JetstreamConfig, type JetstreamEvent, jetstream$ } from '../../../src/index.js'
import type { Control, CursorProtocol } from '../../../src/live/protocol.js'
import { type SliceableBytes, TextBytes } from '../../../src/socket/text-bytes.js'
import type { Compression } from '../../../src/sources/jetstream/compression.js'
import { eager, lazy } from '../../../src/sources/jetstream/decoding.js'
import { v1 } from '../../../src/sources/jetstream/v1.js'
import { v2 } from '../../../src/sources/jetstream/v2.js'
import { type FakeJetstreamOptions, fakeJetstream } from '../../../src/testing/index.js'
import type { DictionaryDecoder } from '../../../src/zstd/decoders/dictionary-decoder.js'
import {
  napiDecoder,
  nodeWasmDecoder,
  zlibDecoder,
} from '../../../src/zstd/decoders/node-decoders.js'
import { bytesOf, describeWith, framesOf, linesOf } from '../../helpers/recordings.js'
import { first } from '../../traps/watched.js'
import { dictionaryOf, encoder, ONE } from '../../zstd/frames.js'

// Records of one running server, seq 121 to 564, over both wires and compressed.
const V1 = linesOf('simulator/v1.ndjson')
const V2 = linesOf('simulator/v2.ndjson')

// What JSON.parse gives is what a v1 reader gets; it alone says what is the same event.
const ON_V1 = V1.map((line) => JSON.parse(line) as JetstreamEvent)
const ON_V1_BY_CURSOR = new Map(ON_V1.map((event) => [event.cursor, event]))

/**
 * Events of wire v2 are those of wire v1, and what only v2 has: repositories set anew, and the rows
 * that follow.
 */
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
  'kind' in event &&
  event.kind === 'commit' &&
  Object.getOwnPropertyDescriptor(event.commit, 'record')?.get !== undefined

const DECODERS: Readonly<
  Record<string, (dictionary: Uint8Array) => Promise<DictionaryDecoder | undefined>>
> = {
  wasm: nodeWasmDecoder,
  napi: napiDecoder,
  zlib: async (dictionary) => zlibDecoder(dictionary),
}

const optionsOf = (decode: keyof typeof DECODINGS) => (decoder?: DictionaryDecoder) => {
  const compression: Compression = {
    ...(decoder && { decoder }),
    status: { name: decoder ? 'zstd' : 'none' },
  }
  return { maxFrameBytes: 1_000_000, decoding: DECODINGS[decode], compression }
}

/** Every event of a server, through a socket. */
async function read(
  server: FakeJetstreamOptions,
  config: (server: { url: string; host: string }) => JetstreamConfig,
  count: number,
) {
  await using fake = await fakeJetstream({ stored: 'all', ...server })
  return await first(count, jetstream$({ cursor: 'oldest', ...config(fake) }))
}

const decodings = ['eager', 'lazy'] as const

describe.each(decodings)('what a running server sent, decoded %s,', (decode) => {
  const options = optionsOf(decode)
  const v2Events = { server: 'v2', events: V2 } as const
  let frames: readonly Uint8Array[]

  beforeAll(async () => {
    frames = V2.map(await encoder(dictionaryOf(ONE)))
  })

  it('is the same events on both wires', () => {
    const [one, two] = [v1('ws://h/subscribe', {}, options()), v2('ws://h/xrpc/x', {}, options())]
    expect(V1.map((line) => decodeText(one, line))).toEqual(ON_V1)
    expectSameEvents(V2.map((line) => decodeText(two, line) as JetstreamEvent))
  })

  it.each(Object.keys(DECODERS))(
    'is the same events compressed, by the decoder %s where it is present',
    async (name) => {
      const decoder = await DECODERS[name]?.(dictionaryOf(ONE))
      if (decoder === undefined) {
        console.log(`the decoder ${name} is not present on this Node`)
        return
      }
      const two = v2('ws://h/xrpc/x', {}, options(decoder))
      const events = frames.map((frame) => two.decode(frame) as JetstreamEvent)
      expect(events.filter(isLazy).length > events.length / 2).toBe(decode === 'lazy')
      expectSameEvents(events)
      const packed = framesOf('zstd/v1_1111.bin').map((frame) =>
        v1('ws://h/subscribe', {}, options(decoder)).decode(frame),
      )
      expect(packed).toEqual(ON_V1.slice(0, 120))
    },
  )

  it('comes through a socket on wire v1, v2 and v2 compressed, byte for byte as sent', async () => {
    expect(
      await read({ server: 'v2', events: V1 }, ({ url }) => ({ host: url, decode }), V1.length),
    ).toEqual(ON_V1)
    expectSameEvents(
      (await read(
        v2Events,
        ({ host }) => ({ host, decode }),
        V2.length,
      )) as readonly JetstreamEvent[],
    )
    const compressed = { ...v2Events, dictionary: dictionaryOf(ONE), compress: packed(frames, V2) }
    expectSameEvents(
      (await read(
        compressed,
        ({ host }) => ({ host, decode, compress: true }),
        V2.length,
      )) as readonly JetstreamEvent[],
    )
  })

  it('is a reject for every frame that is cut short anywhere, and nothing else', async () => {
    const two = v2('ws://h/xrpc/x', {}, options(await nodeWasmDecoder(dictionaryOf(ONE))))
    for (const [index, frame] of frames.entries()) {
      expect(() => two.decode(frame.subarray(0, (index * 7919) % frame.length))).toThrow(FrameError)
      expect(() => two.decode(frame)).not.toThrow()
    }
  })
})

const PUBLISHED = [
  'jetstream/subscribe_events_20260811.zdict',
  'simulator/v2_zstd.bin',
  'jetstream/zstd_dictionary',
  'jetstream/real_v1.ndjson',
  'derived/real_v1_zstd_frames.bin',
  'jetstream/real_v2_frames.ndjson',
] as const

describeWith(PUBLISHED, 'what servers of the network sent', () => {
  const [v2Dictionary, v2Frames, v1Dictionary, v1Lines, v1Frames, v2Lines] = PUBLISHED

  it.each(
    decodings.flatMap((decode) => Object.keys(DECODERS).map((name) => [decode, name] as const)),
  )(
    'is the same events under the published dictionaries, decoded %s, by the decoder %s',
    async (decode, name) => {
      const [forV2, forV1] = [
        await DECODERS[name]?.(bytesOf(v2Dictionary)),
        await DECODERS[name]?.(bytesOf(v1Dictionary)),
      ]
      if (forV2 === undefined || forV1 === undefined) return
      const [two, one] = [
        v2('ws://h/xrpc/x', {}, optionsOf(decode)(forV2)),
        v1('ws://h/subscribe', {}, optionsOf(decode)(forV1)),
      ]
      expectSameEvents(framesOf(v2Frames).map((frame) => two.decode(frame) as JetstreamEvent))
      const events = framesOf(v1Frames).map((frame) => one.decode(frame))
      expect(events.filter(isLazy).length > events.length / 2).toBe(decode === 'lazy')
      expect(events).toEqual(linesOf(v1Lines).map((line) => JSON.parse(line)))
    },
  )

  it.each(decodings)('comes through a socket byte for byte, decoded %s', async (decode) => {
    const onV2 = {
      server: 'v2',
      events: V2,
      dictionary: bytesOf(v2Dictionary),
      compress: packed(framesOf(v2Frames), V2),
    } as const
    const events = await read(onV2, ({ host }) => ({ host, decode, compress: true }), V2.length)
    expectSameEvents(events as readonly JetstreamEvent[])
    const lines = linesOf(v1Lines)
    const onV1 = { events: lines, compress: packed(framesOf(v1Frames), lines) }
    const config = { decode, compress: true, zstdDictionary: bytesOf(v1Dictionary) } as const
    expect(await read(onV1, ({ url }) => ({ host: url, ...config }), lines.length)).toEqual(
      lines.map((line) => JSON.parse(line)),
    )
  })

  it.each(decodings)(
    'in August 2026 differs by nothing but its cursor from what a v1 reader got, decoded %s',
    (decode) => {
      const [one, two] = [
        v1('ws://h/subscribe', {}, optionsOf(decode)()),
        v2('ws://h/xrpc/x', {}, optionsOf(decode)()),
      ]
      const events = linesOf(v2Lines).map((line) => decodeText(two, line) as JetstreamEvent)
      expect(events.map(({ cursor, time_us }) => [cursor, time_us])).toEqual([
        [35_610, 1_786_452_540_398_794],
        [88_893, 1_786_452_649_794_236],
        [91_107, 1_786_452_655_801_900],
      ])
      expect(events.map((event) => decodeText(one, JSON.stringify(event)))).toEqual(events)
      const payloads = linesOf(v2Lines).map((line) => JSON.parse(line).payload)
      for (const [index, event] of events.entries()) {
        const { $type, seq, did, time, ...rest } = payloads[index]
        expect(event).toMatchObject({ kind: 'commit', did, commit: rest })
      }
    },
  )
})

/** The bytes that were made of each line beforehand, checksums and windows included. */
function packed(
  frames: readonly Uint8Array[],
  lines: readonly string[],
): (json: Uint8Array) => Uint8Array {
  const byLine = new Map(frames.map((frame, index) => [lines[index], frame]))
  return (json) => byLine.get(Buffer.from(json).toString()) ?? new Uint8Array()
}
