import { recordChecker } from '../../../src/atproto/records.js'
import { timeUs } from '../../../src/atproto/time.js'
import { FrameError, ServerError } from '../../../src/errors.js'
import type { JetstreamEvent } from '../../../src/events.js'
import { Control } from '../../../src/live/protocol.js'
import { eager } from '../../../src/sources/jetstream/decoding.js'
import type { JetstreamFilters } from '../../../src/sources/jetstream/filters.js'
import { v2 } from '../../../src/sources/jetstream/v2.js'

const decoding = eager(recordChecker())

const wire = (filters: JetstreamFilters = {}) =>
  v2('ws://h/xrpc/x', filters, {
    maxFrameBytes: 1000,
    decoding,
    compression: { status: { name: 'none' } },
  })
const protocol = wire()

const TIME = '2026-11-21T12:59:49.385439Z'
const US = 1_795_265_989_385_439
const NSID = 'network.bsky.jetstream.subscribeEvents'
const frame = (kind: string, members: object) =>
  JSON.stringify({ $type: 'message', payload: { $type: `${NSID}#${kind}`, ...members } })
const commit = {
  rev: '3l',
  operation: 'create',
  collection: 'a.b.c',
  rkey: 'k',
  record: { text: 'x' },
  cid: 'bafy',
}
const place = { seq: 7, did: 'did:plc:a', time: TIME }
const post = (over: object = {}) => frame('commit', { ...place, ...commit, ...over })

/** What decoding meets. */
function metBy(text: string): FrameError {
  try {
    protocol.decode(text)
  } catch (error) {
    if (error instanceof FrameError) return error
    throw error
  }
  throw new Error('it was read')
}

describe('wire v2', () => {
  it('reads a commit as wire v1 writes it, with the number for a cursor', () => {
    const event = { did: 'did:plc:a', time_us: US, cursor: 7, kind: 'commit', commit }
    expect(protocol.decode(post())).toEqual(event)
    expect(protocol.cursorOf(event as JetstreamEvent)).toBe(7)
  })

  it('reads a delete without record and cid', () => {
    const { record, cid, ...gone } = { ...commit, operation: 'delete' }
    const event = protocol.decode(frame('commit', { ...place, ...gone })) as JetstreamEvent
    expect(Object.keys(event.kind === 'commit' ? event.commit : {})).toEqual([
      'rev',
      'operation',
      'collection',
      'rkey',
    ])
  })

  it.each([
    ['identity', { did: 'x', seq: 1, time: '' }],
    ['account', { active: true, did: 'x', seq: 1, status: 'new', time: '' }],
    ['sync', { did: 'x', seq: 1, rev: '3l', blocks: { $bytes: 'AA' } }],
    ['novelty', { a: [1] }],
  ])('reads %s with all its members', (kind, body) => {
    expect(protocol.decode(frame(kind, { ...place, [kind]: body, witnessedAt: TIME }))).toEqual({
      did: 'did:plc:a',
      time_us: US,
      cursor: 7,
      kind,
      [kind]: body,
      witnessedAt: TIME,
    })
  })

  it('keeps members that a server adds to a commit; the event has `witnessedAt`', () => {
    const event = { did: 'did:plc:a', time_us: US, cursor: 7, kind: 'commit', commit }
    expect(protocol.decode(post({ witnessedAt: TIME }))).toEqual({ ...event, witnessedAt: TIME })
    expect(protocol.decode(post({ prev: 'bafz' }))).toEqual({
      ...event,
      commit: { ...commit, prev: 'bafz' },
    })
    const { record, cid, ...gone } = { ...commit, operation: 'delete' }
    const deleted = frame('commit', {
      ...place,
      ...gone,
      witnessedAt: TIME,
      validation: { status: 'unknown' },
    })
    expect(protocol.decode(deleted)).toEqual({
      ...event,
      commit: { ...gone, validation: { status: 'unknown' } },
      witnessedAt: TIME,
    })
  })

  it('keeps members of other kinds whatever their names; none replaces the position', () => {
    const body = {
      rev: '3l',
      cid: 'bafy',
      collection: 'a.b.c',
      record: {},
      kind: 'x',
      cursor: 1,
      time_us: 2,
    }
    expect(protocol.decode(frame('novelty', { ...place, ...body }))).toEqual({
      ...body,
      ...{ did: 'did:plc:a', time_us: US, cursor: 7, kind: 'novelty' },
    })
  })

  it('keeps operations that are not known', () => {
    const { record, cid, ...moved } = { ...commit, operation: 'move' }
    expect(protocol.decode(frame('commit', { ...place, ...moved }))).toMatchObject({
      commit: { operation: 'move' },
    })
  })

  it.each([
    [
      'a notice',
      frame('info', { name: 'OutdatedCursor', message: 'starting at seq 9' }),
      'OutdatedCursor',
      'starting at seq 9',
    ],
    ['a notice without a name', frame('novelty', {}), 'novelty', ''],
    ['an envelope that is not known', '{"$type":"later","payload":{}}', 'later', ''],
    ['a message without a payload', '{"$type":"message"}', 'message', ''],
    ['an object without a type', '{}', 'undefined', ''],
  ])('takes %s for no event', (_, text, name, message) => {
    expect(protocol.decode(text)).toEqual(new Control(name, message))
  })

  it.each(['ConsumerTooSlow', 'InternalError', 'SomeLaterError'])(
    'ends the connection at the error frame %s',
    (error) => {
      const text = JSON.stringify({ $type: 'error', error, message: 'reconnect', extra: 1 })
      expect(() => protocol.decode(text)).toThrow(
        expect.objectContaining({
          code: 'SERVER',
          error,
          message: expect.stringContaining('reconnect'),
        }),
      )
      expect(() => protocol.decode('{"$type":"error"}')).toThrow(ServerError)
    },
  )

  it.each([
    ['broken JSON', '{'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number above 2^53', post().replace('"seq":7', '"seq":9007199254740993')],
    ['a number that is text', post({ seq: '7' })],
    ['a time that is none', post({ time: 'yesterday' })],
  ])('rejects %s, and does not know its place', (_, text) => {
    expect(metBy(text).place).toBeUndefined()
  })

  it.each([
    ['a create without a record', post({ record: undefined })],
    ['a commit without a revision', post({ rev: undefined })],
    ['no DID', post({ did: undefined })],
    ['an account without its body', frame('account', place)],
  ])('rejects %s, and knows its place', (_, text) => {
    expect(metBy(text).place).toEqual({ position: 7, time_us: US })
  })

  it('finds the position of a damaged frame, never in what strangers wrote into it', () => {
    const known = { position: 7, time_us: US }
    const tail = `"seq":7,"time":"${TIME}"}}`
    const decoy = '"seq":99,"time":"2030-01-01T00:00:00.000000Z"'
    expect(metBy(`{"$type":"message","payload":{"record":{"text":"\u0001"},${tail}`).place).toEqual(
      known,
    )
    expect(
      metBy(`{"$type":"message","payload":{"record":{"text":"\u0001",${decoy}},${tail}`).place,
    ).toEqual(known)
    expect(
      metBy(`{"$type":"message","payload":{"identity":{${decoy}},"seq":7,"ti`).place,
    ).toBeUndefined()
    expect(metBy(`{"$type":"message","payload":{"identity":{${decoy}`).place).toBeUndefined()
    expect(
      metBy(`{"payload":{"x":"\u0001","seq":7,"time":"${TIME}","witnessedAt":"${TIME}"}}`).place,
    ).toEqual(known)
  })

  it('keeps all six digits of a time', () => {
    expect(timeUs(TIME)).toBe(US)
    expect(timeUs('2026-11-21T12:59:49Z')).toBe(1_795_265_989_000_000)
    expect(timeUs('2026-11-21T12:59:49.5Z')).toBe(1_795_265_989_500_000)
    expect(timeUs('2026-11-21T12:59:49.385439999Z')).toBe(US)
    expect(timeUs('2026-11-21T13:59:49.385439+01:00')).toBe(US)
    for (const odd of ['2026-11-21T12:59:49.385439', 'x', undefined, 5]) expect(timeUs(odd)).toBe(0)
  })
})

describe('the request of wire v2', () => {
  const urlOf = (filters: JetstreamFilters, cursor?: number, leaveOutLargeFrames = false) =>
    new URL(wire(filters).url({ cursor, leaveOutLargeFrames }))

  it('is bare without options, and offers its subprotocol', () => {
    expect(urlOf({}).href).toBe('ws://h/xrpc/x')
    expect(protocol.subprotocol).toBe('xrpc.v1.json')
  })

  it('names kinds, collections, DIDs, cursor and size as the server does, each once', () => {
    const filters = {
      kinds: ['commit', 'sync', 'commit'],
      collections: ['a.b.c', 'a.b.c'],
      dids: ['did:web:x'],
      maxMessageSizeBytes: 900,
    } as const
    expect([...urlOf(filters, 7).searchParams]).toEqual([
      ['kinds', 'commit'],
      ['kinds', 'sync'],
      ['collections', 'a.b.c'],
      ['dids', 'did:web:x'],
      ['cursor', '7'],
      ['maxMessageSizeBytes', '900'],
    ])
  })

  it('has the server leave out what is larger than a frame may be, once one came', () => {
    expect(urlOf({}, 7, true).searchParams.get('maxMessageSizeBytes')).toBe('1000')
  })

  it('refuses filters that no URL of the server can hold, with the remedy', () => {
    const dids = Array.from({ length: 9_998 }, (_, index) => `did:web:a${index}`)
    expect(() => wire({ dids })).toThrow(
      expect.objectContaining({ code: 'WIRE', message: expect.stringContaining("`wire: 'v1'`") }),
    )
    expect(urlOf({ dids: dids.slice(1) }, 7).searchParams.size).toBe(9_998)
    expect(() => wire({ collections: ['app.bsky.*', 'app.*'] })).toThrow(
      expect.objectContaining({ code: 'WIRE', message: expect.stringContaining('app.*') }),
    )
    expect(urlOf({ collections: ['app.bsky.*'] }, 7).searchParams.get('collections')).toBe(
      'app.bsky.*',
    )
  })
})
