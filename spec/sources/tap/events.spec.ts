import { type TapEvent, tapEventSchema } from '../../../src/index.js'
import { fakeTap } from '../../../src/testing/index.js'
import { linesOf, present } from '../../helpers/recordings.js'
import { ALICE, first, tapped } from './tapped.js'

interface Message {
  readonly id: number
  readonly type: string
  readonly record?: object
  readonly identity?: {
    readonly did: string
    readonly handle: string
    readonly is_active: boolean
    readonly status: string
  }
}

/** What a frame must become, read without our schema. */
function flattened(frame: string): unknown {
  const { id, type, record, identity } = JSON.parse(frame) as Message
  if (identity === undefined) return { id, type, ...record }
  const { did, handle, is_active, status } = identity
  return { id, type, did, handle, isActive: is_active, status }
}

async function received(...frames: readonly string[]): Promise<readonly TapEvent[]> {
  await using tap = await fakeTap({ frames })
  const source = tapped(tap)
  const events = await first(frames.length, source.events$)
  expect(source.rejects).toEqual([])
  return events
}

const recordFrame = (members: string, id = 1) =>
  `{"id":${id},"type":"record","record":{"live":true,"did":"${ALICE}","rev":"3n2t5t7jyyk27",` +
  `"collection":"a.b.c","rkey":"k",${members}}}`
const identityFrame = (members: string, id = 1) =>
  `{"id":${id},"type":"identity","identity":{"did":"${ALICE}",${members}}}`

describe('an event of tap$', () => {
  it('is flat', async () => {
    const [record, identity] = await received(
      recordFrame('"action":"create","record":{"$type":"a.b.c","text":"hi"},"cid":"bafy"', 1),
      identityFrame('"handle":"alice.test","is_active":true,"status":"active"', 2),
    )
    expect(record).toEqual({
      id: 1,
      type: 'record',
      live: true,
      did: ALICE,
      rev: '3n2t5t7jyyk27',
      collection: 'a.b.c',
      rkey: 'k',
      action: 'create',
      record: { $type: 'a.b.c', text: 'hi' },
      cid: 'bafy',
    })
    expect(identity).toEqual({
      id: 2,
      type: 'identity',
      did: ALICE,
      handle: 'alice.test',
      isActive: true,
      status: 'active',
    })
  })

  it('has no record and no cid where the wire has none', async () => {
    const [removed, undecoded] = await received(
      recordFrame('"action":"delete"', 1),
      recordFrame('"action":"update","cid":"bafy"', 2),
    )
    expect(removed).not.toHaveProperty('record')
    expect(removed).not.toHaveProperty('cid')
    expect(undecoded).not.toHaveProperty('record')
    expect(undecoded).toMatchObject({ action: 'update', cid: 'bafy' })
  })

  it('keeps unknown actions, statuses and handles, and members that a server adds', async () => {
    const events = await received(
      recordFrame('"action":"truncate","reason":"?"', 1),
      identityFrame('"handle":"","is_active":false,"status":"desynchronized"', 2),
      identityFrame('"handle":"handle.invalid","is_active":true,"status":"active","pds":"x"', 3),
    )
    expect(events).toMatchObject([
      { action: 'truncate' },
      { handle: '', status: 'desynchronized' },
      { handle: 'handle.invalid' },
    ])
    expect(events[0]).toHaveProperty('reason', '?')
    expect(events[2]).toHaveProperty('pds', 'x')
  })

  it('has the members that a server adds to the message, which never replace its own', async () => {
    const record = recordFrame(
      '"action":"delete","id":99,"type":"mine","__proto__":{"a":1}',
      1,
    ).replace('{"id"', '{"attempt":2,"id"')
    const events = await received(
      record,
      identityFrame('"handle":"a","is_active":true,"status":"active"', 2).replace(
        '}}',
        '},"attempt":3}',
      ),
    )
    expect(events).toMatchObject([
      { id: 1, type: 'record', action: 'delete', attempt: 2 },
      { id: 2, type: 'identity', attempt: 3 },
    ])
    expect(Object.keys(events[0] ?? {}).slice(0, 2)).toEqual(['id', 'type'])
    expect(Object.getPrototypeOf(events[0])).toBe(Object.prototype)
  })

  it('keeps every character and every integer of a record', async () => {
    const text = '<b>& \u2028 \\ / \t \u0000 待って 👩‍👩‍👧'
    const [event] = await received(
      recordFrame(
        `"action":"create","record":{"text":${JSON.stringify(text)},"n":9007199254740991}`,
      ),
    )
    expect(event).toMatchObject({ record: { text, n: 9_007_199_254_740_991 } })
  })

  it("cannot be given a prototype by a record's own member", async () => {
    const [event] = await received(
      recordFrame('"action":"create","record":{"__proto__":{"admin":true},"text":"x"}'),
    )
    expect(
      (event as { readonly record: { readonly admin?: boolean } }).record.admin,
    ).toBeUndefined()
  })
})

describe('tapEventSchema', () => {
  it.each([
    ['nothing', {}],
    ['another type', { id: 1, type: 'account', account: {} }],
    [
      'an id that is a string',
      {
        id: '1',
        type: 'identity',
        identity: { did: 'd', handle: '', is_active: true, status: '' },
      },
    ],
    [
      'an id with a fraction',
      {
        id: 1.5,
        type: 'identity',
        identity: { did: 'd', handle: '', is_active: true, status: '' },
      },
    ],
    [
      'a record without a rev',
      {
        id: 1,
        type: 'record',
        record: { live: true, did: 'd', collection: 'c', rkey: 'k', action: 'create' },
      },
    ],
    [
      'an identity without a status',
      { id: 1, type: 'identity', identity: { did: 'd', handle: '', is_active: true } },
    ],
  ])('refuses %s', (_, message) => {
    expect(tapEventSchema.safeParse(message).success).toBe(false)
  })
})

describe('a recorded Tap', () => {
  it.each(
    present(
      'local/tap_channel.ndjson',
      'tap/readme_examples.ndjson',
      'tap/derived_from_real.ndjson',
    ),
  )('comes through: %s, each frame as it is, and each copy once', async (file) => {
    const frames = linesOf(file)
    const once = [...new Set(frames)]
    await using tap = await fakeTap({ frames })
    const source = tapped(tap)
    const events: TapEvent[] = []
    const subscription = source.events$.subscribe((event) => events.push(event))
    await tap.drained()
    subscription.unsubscribe()
    await tap.closed()
    expect(source.rejects).toEqual([])
    const inOrder = (values: readonly unknown[]) =>
      values.map((value) => JSON.stringify(value)).sort()
    const sameMembers = (event: unknown) =>
      Object.fromEntries(Object.entries(event as object).sort(([a], [b]) => (a < b ? -1 : 1)))
    expect(inOrder(events.map(sameMembers))).toEqual(inOrder(once.map(flattened).map(sameMembers)))
    expect(source.metrics).toMatchObject({
      frames: frames.length,
      duplicates: frames.length - once.length,
      rejected: 0,
    })
    expect(tap.acks).toHaveLength(frames.length)
    expect(tap.acks.some(({ stray }) => stray)).toBe(false)
  })
})
