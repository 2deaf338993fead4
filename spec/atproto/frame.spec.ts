import { encode, toBytes } from '@atcute/cbor'
import { readFrame } from '../../src/atproto/frame.js'
import { FrameError, ServerError } from '../../src/errors.js'

const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))
const frameOf = (header: unknown, body: unknown): Uint8Array => join(encode(header), encode(body))

/** What `readFrame` throws. */
function thrownBy(
  frame: string | Uint8Array,
): Partial<Pick<FrameError, 'place'> & Pick<ServerError, 'error'>> & Error {
  try {
    readFrame(frame)
  } catch (error) {
    return error as Error
  }
  throw new Error('the frame was read')
}

const TIME = '2026-11-21T13:00:33.419123Z'
const PLACE = { position: 7, time_us: Date.parse('2026-11-21T13:00:33.419Z') * 1000 + 123 }

describe('a frame of an event stream', () => {
  it.each([
    [
      'a message',
      [
        ['op', 1],
        ['t', '#commit'],
      ],
      { op: 1, t: '#commit' },
    ],
    [
      'one with a member that is unknown',
      [
        ['op', 1],
        ['x', 1],
        ['t', '#new'],
      ],
      { op: 1, t: '#new' },
    ],
  ] as const)('has a header in whatever order: %s', (_, members, expected) => {
    const header = join(
      Uint8Array.of(0xa0 + members.length),
      ...members.flatMap(([name, value]) => [encode(name), encode(value)]),
    )
    expect(readFrame(join(header, encode({ seq: 7 })))).toEqual({ ...expected, body: { seq: 7 } })
  })

  it('has no member of its header twice', () => {
    const header = join(Uint8Array.of(0xa2), encode('op'), encode(1), encode('op'), encode(-1))
    expect(thrownBy(join(header, encode({})))).toBeInstanceOf(FrameError)
  })

  it('is an error in whatever order of its header', () => {
    const header = join(Uint8Array.of(0xa2), encode('t'), encode(''), encode('op'), encode(-1))
    const odd = join(Uint8Array.of(0xa2), encode('op'), encode(-1), encode('t'), encode(''))
    for (const head of [header, odd])
      expect(() => readFrame(join(head, encode({ error: 'FutureCursor' })))).toThrow(ServerError)
  })

  it('is a header and a body', () => {
    expect(readFrame(frameOf({ op: 1, t: '#account' }, { seq: 7, active: true }))).toEqual({
      op: 1,
      t: '#account',
      body: { seq: 7, active: true },
    })
  })

  it('may be of an operation and a type that nobody knows', () => {
    expect(readFrame(frameOf({ op: 9 }, {}))).toEqual({ op: 9, t: '', body: {} })
    expect(readFrame(frameOf({ op: 1, t: '#tomorrow', more: 1 }, { new: [1] }))).toMatchObject({
      t: '#tomorrow',
    })
  })

  it('is an error of the server when its operation is -1', () => {
    const error = thrownBy(
      frameOf(
        { op: -1 },
        { error: 'ConsumerTooSlow', message: 'Stream consumer too slow', more: 1 },
      ),
    )
    expect(error).toBeInstanceOf(ServerError)
    expect([error.error, error.message]).toEqual([
      'ConsumerTooSlow',
      'the server ended the stream with ConsumerTooSlow: Stream consumer too slow',
    ])
    expect(thrownBy(frameOf({ op: -1 }, { error: 'x'.repeat(5000) })).error).toHaveLength(100)
    expect(thrownBy(frameOf({ op: -1 }, {}))).toBeInstanceOf(ServerError)
  })
})

describe('a frame that cannot be read', () => {
  const header = encode({ op: 1, t: '#commit' })

  it.each<[string, string | Uint8Array, RegExp]>([
    ['is text', '{}', /text/],
    ['is empty', new Uint8Array(), /header is no DAG-CBOR/],
    ['has a header alone', header, /body is no DAG-CBOR/],
    ['has a header that is no object', frameOf(1, {}), /header is no object/],
    ['has a header without `op`', frameOf({ t: '#commit' }, {}), /no `op`/],
    ['has a body that is an array', frameOf({ op: 1 }, []), /body is no object/],
    [
      'has a body that is bytes',
      frameOf({ op: 1 }, toBytes(new Uint8Array(3))),
      /body is no object/,
    ],
    ['is cut off', frameOf({ op: 1 }, { text: 'cut' }).slice(0, -1), /body is no DAG-CBOR/],
  ])('that %s is a reject', (_, frame, message) => {
    expect(thrownBy(frame)).toBeInstanceOf(FrameError)
    expect(thrownBy(frame).message).toMatch(message)
    expect(thrownBy(frame).place).toBeUndefined()
  })

  it('has its place all the same, where `seq` stands before or behind what is broken', () => {
    const body = encode({ seq: 7, time: TIME, broken: 'text' })
    // 0xff is no UTF-8.
    const broken = body.map((byte, at) => (at === body.length - 1 ? 0xff : byte))
    expect(thrownBy(join(header, broken)).place).toEqual(PLACE)

    const early = encode({ a: '!', seq: 7, time: TIME })
    const brokenEarly = early.map((byte) => (byte === '!'.charCodeAt(0) ? 0xff : byte))
    expect(thrownBy(join(header, brokenEarly)).place).toEqual(PLACE)

    expect(thrownBy(join(header, encode({ seq: 7, time: TIME }), Uint8Array.of(0))).place).toEqual(
      PLACE,
    )
    expect(thrownBy(join(header, body.slice(0, -1))).place).toEqual(PLACE)
  })

  it('has no place where `seq` is none', () => {
    for (const seq of ['7', -7, null, [7]]) {
      expect(
        thrownBy(join(header, encode({ seq, zzzz: 1 }), Uint8Array.of(0))).place,
      ).toBeUndefined()
    }
    // A number above 2^53, in eight bytes.
    const beyond = join(
      Uint8Array.of(0xa1, 0x63),
      new TextEncoder().encode('seq'),
      Uint8Array.of(0x1b, 0xff, 0, 0, 0, 0, 0, 0, 0),
    )
    expect(thrownBy(join(header, beyond)).place).toBeUndefined()
  })

  it('is refused before it is decoded when it is too deep', () => {
    const nested = (depth: number) =>
      join(
        header,
        Uint8Array.of(0xa1, 0x61, 0x61),
        new Uint8Array(depth - 1).fill(0x81),
        Uint8Array.of(0),
      )
    expect(readFrame(nested(64)).t).toBe('#commit')
    expect(thrownBy(nested(65)).message).toMatch(/more than 64 levels deep/)
    expect(thrownBy(nested(1_000_000)).message).toMatch(/more than 64 levels deep/)
  })
})
