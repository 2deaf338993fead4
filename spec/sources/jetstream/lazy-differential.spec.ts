import { deepStrictEqual } from 'node:assert'
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { recordChecker } from '../../../src/atproto/records.js'
import {
  type CommitEvent,
  FrameError,
  type JetstreamEvent,
  RecordError,
  rawText,
} from '../../../src/index.js'
import { jsonOf } from '../../../src/internal/raw-json.js'
import { Control } from '../../../src/live/protocol.js'
import type { Frame } from '../../../src/socket/frame.js'
import { type SliceableBytes, TextBytes } from '../../../src/socket/text-bytes.js'
import type { Compression } from '../../../src/sources/jetstream/compression.js'
import { type Decoding, eager, lazy, raw } from '../../../src/sources/jetstream/decoding.js'
import { lazyV1, lazyV2, rawV1, rawV2 } from '../../../src/sources/jetstream/lazy/wires.js'
import { RawCommit } from '../../../src/sources/jetstream/raw/raw-commit.js'
import { v1 } from '../../../src/sources/jetstream/v1.js'
import { v2 } from '../../../src/sources/jetstream/v2.js'
import { generateEvents } from '../../../src/testing/index.js'
import { toV2 } from '../../../src/testing/jetstream/translate.js'
import type { DictionaryDecoder } from '../../../src/zstd/decoders/dictionary-decoder.js'
import { linesOf, present } from '../../helpers/recordings.js'
import { runs } from '../../helpers/thick.js'

const CHECKER = recordChecker()
const SEED = 20260811

// What it inflates is what it is given: binary frames go the way of those that are compressed.
const IDENTITY: DictionaryDecoder = {
  name: 'wasm',
  dictionaryId: 1,
  inflate: (frame) => frame,
  decode(frame) {
    if (!isUtf8(frame)) throw new FrameError('it is not UTF-8')
    return Buffer.from(frame).toString()
  },
}
const COMPRESSION: Compression = { decoder: IDENTITY, status: { name: 'none' } }

const v1With = (decoding: Decoding) =>
  v1('ws://h/subscribe', {}, { maxFrameBytes: 5_000_000, decoding, compression: COMPRESSION })
const v2With = (decoding: Decoding) =>
  v2('ws://h/xrpc/x', {}, { maxFrameBytes: 5_000_000, decoding, compression: COMPRESSION })

const WIRES = {
  v1: {
    eager: v1With(eager(CHECKER)),
    lazy: v1With(lazy(CHECKER)),
    raw: v1With(raw(CHECKER)),
    reader: lazyV1(),
    rawReader: rawV1(),
  },
  v2: {
    eager: v2With(eager(CHECKER)),
    lazy: v2With(lazy(CHECKER)),
    raw: v2With(raw(CHECKER)),
    reader: lazyV2(),
    rawReader: rawV2(),
  },
}
type Wire = (typeof WIRES)['v1']

// In the middle of other bytes, as in a chunk of the socket.
const BEFORE = Buffer.from('"}}\u{1f30a}')
const BEHIND = Buffer.from('\u{1f30a}{"did":"}}}}"')
const messageOf = (bytes: Uint8Array, behind: Uint8Array = BEHIND): TextBytes => {
  const chunk = Buffer.concat([BEFORE, bytes, behind]) as Buffer & SliceableBytes
  return new TextBytes(chunk, BEFORE.length, BEFORE.length + bytes.length)
}

/** What a reader makes of a frame: an event, a notice, or what it throws. */
function outcome(read: () => JetstreamEvent | Control | undefined): unknown {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { message: error.message, place: (error as FrameError).place }
  }
}

/** The one difference there may be: a record that is no JSON is found out when it is touched. */
function isRecordThatFails(event: unknown, expected: unknown): boolean {
  if (
    !(event as { commit?: object }).commit ||
    !/^the frame is no JSON/.test((expected as FrameError).message)
  )
    return false
  expect(() => (event as { commit: { record: unknown } }).commit.record).toThrow(RecordError)
  return true
}

/** Compressed frames are binary, and their text is a chunk of its own. */
function expectSameInflated(wire: Wire, bytes: Uint8Array, isByHand: boolean): void {
  const [expected, lazily] = [
    outcome(() => wire.eager.decode(bytes)),
    outcome(() => wire.lazy.decode(Uint8Array.from(bytes))),
  ]
  if (isByHand && isRecordThatFails(lazily, expected)) return
  deepStrictEqual(lazily, expected)
}

/** A raw event has the values of the parsed one, and the same JSON. */
function expectSameRaw(wire: Wire, bytes: Uint8Array, behind?: Uint8Array): void {
  const message = messageOf(bytes, behind)
  const frame = message.toFrame()
  const [expected, rawly] = [
    outcome(() => wire.eager.decode(frame)),
    outcome(() => wire.raw.decodeBytes?.(message)),
  ]
  if (!(rawly instanceof RawCommit)) {
    deepStrictEqual(rawly, expected)
    return
  }
  if (isRecordThatFails(rawly, expected)) return
  expect(JSON.stringify(rawly)).toBe(JSON.stringify(expected))
  const { commit, did, time_us, cursor, kind, ...rest } = expected as CommitEvent
  expect([rawly.did, rawly.time_us, rawly.cursor, rawly.kind]).toEqual([did, time_us, cursor, kind])
  expect(commit).toEqual(
    Object.fromEntries(Object.keys(commit).map((name) => [name, Reflect.get(rawly.commit, name)])),
  )
  expect(rawly.witnessedAt).toBe((rest as { witnessedAt?: string }).witnessedAt)
  expect(rawText(rawly as unknown as JetstreamEvent)).toBe(frame)
  deepStrictEqual(JSON.parse(jsonOf(rawly)), expected)
}

function expectSame(
  wire: Wire,
  bytes: Uint8Array,
  behind?: Uint8Array,
): 'by hand' | 'parsed' | 'late' {
  expectSameRaw(wire, bytes, behind)
  const message = messageOf(bytes, behind)
  const frame: Frame = message.toFrame()
  const [expected, lazily] = [
    outcome(() => wire.eager.decode(frame)),
    outcome(() => wire.lazy.decodeBytes?.(message)),
  ]
  const byHand = wire.reader(messageOf(bytes, behind))
  expectSameInflated(wire, bytes, byHand !== undefined)
  if (byHand !== undefined && isRecordThatFails(lazily, expected)) return 'late'
  deepStrictEqual(lazily, expected)
  expect(JSON.stringify(lazily)).toBe(JSON.stringify(expected))
  if (
    typeof frame === 'string' &&
    !(expected instanceof Control) &&
    'did' in (expected as object)
  ) {
    expect(rawText(lazily as JetstreamEvent)).toBe(frame)
  }
  return byHand === undefined ? 'parsed' : 'by hand'
}

const GENERATED = [...generateEvents({ count: 400, seed: 5 })].map((event) => JSON.stringify(event))
/** As a newer server writes it. */
const witnessed = (text: string): string =>
  text.replace(/("time":"[^"]*")\}\}$/, '$1,"witnessedAt":"2026-09-01T00:00:00.000001Z"}}')
/** With a member that nobody knows yet. */
const added = (text: string): string => text.replace(',"rev":', ',"reason":{"a":[1]},"rev":')
const V2 = GENERATED.map(
  (text, index) => toV2(text, 1000 + index, 1_700_000_000_000_000 + index) ?? text,
)
const CORPUS: Readonly<Record<keyof typeof WIRES, readonly string[]>> = {
  v1: [
    ...GENERATED,
    ...present(
      'simulator/v1.ndjson',
      'jetstream/real_v1.ndjson',
      'jetstream/handmade.ndjson',
    ).flatMap(linesOf),
  ],
  v2: [
    ...[
      ...V2,
      ...V2.slice(0, 150).map(witnessed),
      ...V2.slice(0, 20).map(added),
      ...V2.slice(20, 30).map(witnessed).map(added),
    ],
    ...present('simulator/v2.ndjson', 'jetstream/real_v2_frames.ndjson').flatMap(linesOf),
  ],
}
const names = ['v1', 'v2'] as const

// --- Frames that are not what servers write ---

// A place in a frame, every one as likely as the others.
const at = fc.noBias(fc.nat(999_999)).map((parts) => parts / 1_000_000)
const token = fc.constantFrom(
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\\"',
    '\\\\',
    '\\u0000',
    '\\ud800',
    '\u{1f30a}',
    'é',
    '\ufffd',
    ' ',
    '\n',
    '\t',
    '\0',
    '1',
    '-',
    '0',
  ],
  ...[
    '"cid":"x",',
    ',"cid":"y"',
    '"record":{},',
    '"record":null',
    ',"__proto__":{"a":1}',
    '"did":"did:a:b",',
    '{"a":[{"b":"}"}]}',
    'null',
  ],
  ...[
    '9007199254740991',
    '9007199254740992',
    '1e15',
    '1.5',
    '-1',
    '00',
    '"1700000000000000"',
    '18446744073709551616',
    'create',
    'delete',
    'com',
  ],
)

type Edit = (bytes: Buffer) => Buffer
const splice =
  (where: number, gone: number, put: Uint8Array): Edit =>
  (bytes) => {
    const from = Math.floor(where * (bytes.length + 1))
    return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + gone)])
  }

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, fc.integer({ min: 0, max: 7 })).map(
    ([where, bit]): Edit =>
      (bytes) => {
        const flipped = Buffer.from(bytes)
        const index = Math.floor(where * bytes.length)
        flipped[index] = (flipped[index] ?? 0) ^ (1 << bit)
        return flipped
      },
  ),
  fc
    .tuple(at, fc.integer({ min: 1, max: 12 }))
    .map(([where, gone]) => splice(where, gone, Buffer.of())),
  fc
    .tuple(at, fc.integer({ min: 0, max: 2 }), token)
    .map(([where, gone, text]) => splice(where, gone, Buffer.from(text))),
  fc.tuple(at, fc.uint8Array({ maxLength: 4 })).map(([where, put]) => splice(where, 0, put)),
  // A number of the envelope becomes another.
  token.map(
    (text): Edit =>
      (bytes) =>
        Buffer.from(bytes.toString().replace(/(?<="(?:time_us|cursor|seq)":)\d+/, text)),
  ),
  // A string of the envelope becomes another.
  fc
    .tuple(
      fc.constantFrom('did', 'rev', 'operation', 'collection', 'rkey', 'cid', 'kind', 'time'),
      fc.oneof(token, fc.string({ unit: 'binary' })),
    )
    .map(
      ([name, text]): Edit =>
        (bytes) => {
          return Buffer.from(
            bytes
              .toString()
              .replace(new RegExp(`"${name}":"[^"]*"`), () => `"${name}":${JSON.stringify(text)}`),
          )
        },
    ),
  // One letter of a member's name is escaped.
  at.map(
    (where): Edit =>
      (bytes) => {
        const text = bytes.toString()
        const letters = [...text.matchAll(/[a-z]/g)]
        const letter = letters[Math.floor(where * letters.length)]
        if (letter === undefined) return bytes
        const code = `\\u${letter[0].charCodeAt(0).toString(16).padStart(4, '0')}`
        return Buffer.from(text.slice(0, letter.index) + code + text.slice(letter.index + 1))
      },
  ),
)

/** The same JSON with its members in another order, and with white space. */
const rewritten = fc.tuple(fc.integer(), fc.constantFrom(0, 1, '\t')).map(
  ([seed, space]): Edit =>
    (bytes) => {
      try {
        return Buffer.from(
          JSON.stringify(shuffled(JSON.parse(bytes.toString()), Math.abs(seed)), null, space),
        )
      } catch {
        return bytes
      }
    },
)

function shuffled(value: unknown, seed: number): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).map(
    ([name, member], index) =>
      [name, shuffled(member, seed + index), (seed * (index + 7)) % 5] as const,
  )
  return Object.fromEntries(
    [...entries].sort((a, b) => a[2] - b[2]).map(([name, member]) => [name, member]),
  )
}

const edits = fc.oneof(
  { weight: 5, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: rewritten.map((one) => [one]) },
)

describe.each(names)('on wire %s a lazy event is the parsed one', (name) => {
  const wire = WIRES[name]
  const frames = CORPUS[name]

  it('for every frame as servers write it, and most are read by hand', () => {
    const ways = frames.map((text) => expectSame(wire, Buffer.from(text)))
    expect(ways.filter((way) => way === 'late')).toEqual([])
    const byHand = ways.filter((way) => way === 'by hand').length
    const raw = frames.filter((text) => wire.rawReader(messageOf(Buffer.from(text))) !== undefined)
    const commits = frames.filter((text) => /"kind":"commit"|#commit"/.test(text)).length
    expect(byHand).toBeGreaterThan(commits * 0.85)
    expect(raw.length).toBe(byHand)
  })

  it('for every frame that ends with its chunk', () => {
    for (const text of frames) expectSame(wire, Buffer.from(text), Buffer.of())
  })

  it('for every beginning of a frame, and every frame without one byte', () => {
    for (const text of [frames[0], frames.find((one) => one.includes('delete')), frames.at(-1)]) {
      const bytes = Buffer.from(text ?? '')
      for (let index = 0; index < bytes.length; index++) {
        expectSame(wire, bytes.subarray(0, index))
        expectSame(wire, bytes.subarray(0, index), Buffer.of())
        expectSame(wire, Buffer.concat([bytes.subarray(0, index), bytes.subarray(index + 1)]))
      }
    }
  })

  it('for a frame that something follows, or white space alone', () => {
    for (let byte = 0; byte < 256; byte++)
      for (const text of [frames[0], frames.find((one) => one.includes('delete'))]) {
        expectSame(wire, Buffer.concat([Buffer.from(text ?? ''), Buffer.of(byte)]))
      }
  })

  it.each([
    '0',
    '1',
    '-1',
    '1.0',
    '9007199254740991',
    '9007199254740992',
    '01700000000000000',
    '1e15',
  ])('for the number %s in its envelope', (number) => {
    for (const text of frames)
      expectSame(wire, Buffer.from(text.replace(/(?<="(?:time_us|cursor|seq)":)\d+/g, number)))
  })

  it.each(['6023', '0023', '1970', '0000', '+002'])('for the year %s in its time', (year) => {
    for (const text of frames)
      expectSame(wire, Buffer.from(text.replace(/(?<="time":")\d{4}(?=[^"]*"\}\}$)/, year)))
  })

  it('for frames that were edited at random', () => {
    const ways = { 'by hand': 0, parsed: 0, late: 0 }
    const property = fc.property(fc.constantFrom(...frames), edits, (text, all) => {
      ways[
        expectSame(
          wire,
          all.reduce<Buffer>((bytes, one) => one(bytes), Buffer.from(text)),
        )
      ] += 1
    })
    fc.assert(property, { seed: SEED, numRuns: runs(1500, 8000) })
    // Each way was gone, or the test would say nothing of it.
    expect(Math.min(...Object.values(ways))).toBeGreaterThan(runs(8, 50))
  })

  it('for records of any JSON', () => {
    const json = fc.json({ maxDepth: 4, noUnicodeString: false } as fc.JsonSharedConstraints)
    const template =
      frames.find((text) => /"operation":"create"/.test(text) && text.includes('"record":{')) ?? ''
    const [head, tail] = [
      template.slice(0, template.indexOf('"record":') + 9),
      template.slice(template.lastIndexOf(name === 'v1' ? ',"cid"' : ',"rev"')),
    ]
    const property = fc.property(
      fc.oneof(
        json,
        fc.string({ unit: 'binary' }).map((text) => JSON.stringify({ text })),
      ),
      (record) => {
        expectSame(wire, Buffer.from(head + record + tail))
      },
    )
    fc.assert(property, { seed: SEED, numRuns: runs(400, 2000) })
    for (const depth of [1, 100, 2000])
      expectSame(wire, Buffer.from(`${head}{"a":${'['.repeat(depth)}${']'.repeat(depth)}}${tail}`))
  })
})
