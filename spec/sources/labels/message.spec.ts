import { encode } from '@atcute/cbor'
import { FrameError, ServerError } from '../../../src/errors.js'
import { Control } from '../../../src/live/protocol.js'
import { type Message, readMessage } from '../../../src/sources/labels/message.js'
import { errorFrame, frameOf, join, T0 } from '../firehose/frames.js'
import { label, labelsFrame, SRC, signature } from './streams.js'

const read = (frame: Uint8Array): Message => {
  const message = readMessage(frame)
  if (message instanceof Control) throw new Error(`no labels but ${message.name}`)
  return message
}

const failureOf = (frame: Uint8Array): FrameError => {
  try {
    readMessage(frame)
  } catch (error) {
    if (error instanceof FrameError) return error
    throw error
  }
  throw new Error('it was read')
}

describe('a frame of labels', () => {
  it('is one event for each label, with all members of the wire, and the seq of the frame', () => {
    const whole = { cid: 'bafy', neg: true, exp: '2026-02-01T00:00:00+01:00', sig: signature() }
    const { labels, seq, time_us } = read(
      labelsFrame(7, label('a', whole), label('b', { cts: '2026-01-01T00:00:00.123456789Z' })),
    )
    expect([seq, time_us]).toEqual([7, T0])
    expect(labels).toEqual([
      {
        seq: 7,
        ver: 1,
        src: SRC,
        uri: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb',
        cid: 'bafy',
        val: 'a',
        neg: true,
        cts: '2026-01-01T00:00:00.000Z',
        exp: '2026-02-01T00:00:00+01:00',
        sig: {
          $bytes: Buffer.from(Uint8Array.from({ length: 64 }, (_, n) => 1 + n))
            .toString('base64')
            .replace(/=+$/, ''),
        },
      },
      {
        seq: 7,
        ver: 1,
        src: SRC,
        uri: 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb',
        val: 'b',
        cts: '2026-01-01T00:00:00.123456789Z',
      },
    ])
  })

  it('keeps a label without `ver` or `sig`, an unknown value, and added members', () => {
    const { ver: _ver, ...plain } = label('x-made-up')
    const { labels } = read(labelsFrame(1, { ...plain, note: { by: 'us', bytes: signature() } }))
    expect(labels).toEqual([
      { seq: 1, ...plain, note: { by: 'us', bytes: { $bytes: expect.any(String) } } },
    ])
  })

  it('gives a label no other seq than that of its frame, and no other prototype', () => {
    const hostile = JSON.parse('{"__proto__":{"neg":true}}') as object
    const { labels } = read(labelsFrame(5, label('a', { ...hostile, seq: 9 })))
    const [first] = labels as readonly { readonly seq: number }[]
    expect(first?.seq).toBe(5)
    expect(Object.getPrototypeOf(first)).toBe(Object.prototype)
    expect((first as { neg?: boolean }).neg).toBeUndefined()
  })

  it('may hold no label', () => {
    expect(read(labelsFrame(3))).toMatchObject({ seq: 3, time_us: 0, labels: [] })
  })

  it.each<readonly [string, unknown, RegExp]>([
    ['no object', 7, /no object/],
    ['null', null, /no object/],
    ['without `src`', { ...label('a'), src: undefined }, /`src`/],
    ['without `uri`', (({ uri: _uri, ...rest }) => rest)(label('a')), /`uri`/],
    ['with a number for `val`', label('a', { val: 5 }), /`val`/],
    ['with a number for `cts`', label('a', { cts: 5 }), /`cts`/],
    ['with a text for `neg`', label('a', { neg: 'yes' }), /`neg`/],
    ['with a text for `ver`', label('a', { ver: '1' }), /`ver`/],
    ['with null for `cid`', label('a', { cid: null }), /`cid`/],
    ['with a number for `exp`', label('a', { exp: 1 }), /`exp`/],
    ['with a text for `sig`', label('a', { sig: 'abc' }), /`sig`/],
  ])('does not lose its other labels by one that is %s', (_, bad, message) => {
    const written = typeof bad === 'object' && bad !== null ? JSON.parse(JSON.stringify(bad)) : bad
    const { labels } = read(labelsFrame(9, 'a', written, 'c'))
    expect(labels.map((one) => (one instanceof FrameError ? one.message : one.val))).toEqual([
      'a',
      expect.stringMatching(message),
      'c',
    ])
    expect(labels[1]).toMatchObject({ place: { position: 9, time_us: T0 + 9_000_000 } })
    // All of it, where it is the only one.
    expect(failureOf(labelsFrame(9, written))).toMatchObject({
      place: { position: 9 },
      message: expect.stringMatching(message),
    })
  })

  it('cannot be read without a `seq` or `labels`', () => {
    expect(failureOf(frameOf('#labels', { labels: [] })).place).toBeUndefined()
    expect(failureOf(frameOf('#labels', { seq: -1, labels: [] })).message).toMatch(
      /`seq` is no position: -1/,
    )
    expect(failureOf(frameOf('#labels', { seq: 4, labels: 'a' }))).toMatchObject({
      place: { position: 4, time_us: 0 },
    })
    expect(failureOf(join(encode({ op: 1, t: '#labels' }), Uint8Array.of(0xff))).message).toMatch(
      /DAG-CBOR/,
    )
  })

  it('of another kind is a notice, and an error frame an error', () => {
    expect(readMessage(frameOf('#info', { name: 'OutdatedCursor', message: 'gone' }))).toEqual(
      new Control('OutdatedCursor', 'gone'),
    )
    expect(readMessage(frameOf('#info', {}))).toEqual(new Control('', ''))
    expect(readMessage(frameOf('#later', { seq: 4 }))).toEqual(new Control('#later'))
    expect(readMessage(frameOf('#labels', { seq: 4 }, 7))).toEqual(new Control('op 7'))
    expect(() => readMessage(errorFrame('ConsumerTooSlow', 'slow'))).toThrow(ServerError)
  })
})
