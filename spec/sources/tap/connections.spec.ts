import { inspect } from 'node:util'
import {
  boundedMergeMap,
  ConnectTimeoutError,
  IdleTimeoutError,
  RefusedError,
  type TapEvent,
} from '../../../src/index.js'
import { fakeTap, type TapFault } from '../../../src/testing/index.js'
import { connect } from '../../testing/fake-tap-client.js'
import { ALICE, BOB, first, idsOf, record, records, rkeysOf, tapped, Work } from './tapped.js'

/** How the stream ended. */
const endOf = (source: ReturnType<typeof tapped>): Promise<Error> =>
  new Promise((resolve, reject) => {
    source.events$.subscribe({ error: resolve, complete: () => reject(new Error('it completed')) })
  })

describe('a refusal', () => {
  it('of the password is the end, and typed', async () => {
    await using tap = await fakeTap({ events: 1, adminPassword: 'right' })
    const error = await endOf(tapped(tap, { adminPassword: 'wrong' }))
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 401, error: 'Unauthorized', retryable: false })
    expect(error.message).toContain('check the credentials')
    expect(tap.attempts).toHaveLength(1)
  })

  it('in webhook mode is the end, and says why', async () => {
    await using tap = await fakeTap({ events: 1, webhook: true })
    const error = await endOf(tapped(tap))
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 400, retryable: false })
    expect(error.message).toContain(
      `${tap.url}/channel posts its events to a webhook; ` +
        'start that Tap without `TAP_WEBHOOK_URL`',
    )
    expect(error.message).toContain('websocket not available in webhook mode')
    expect(error).toMatchObject({ body: '{"message":"websocket not available in webhook mode"}\n' })
    expect(tap.attempts).toHaveLength(1)
  })

  it('at a reconnect is the end too', async () => {
    const faults: readonly TapFault[] = [
      { after: 2, do: 'drop' },
      { onConnect: 2, do: 'refuse', status: 401 },
    ]
    await using tap = await fakeTap({ events: records(ALICE, 5, false), faults })
    const source = tapped(tap)
    expect(await endOf(source)).toMatchObject({ code: 'REFUSED', status: 401 })
    expect(source.metrics.delivered).toBe(2)
  })

  it('never shows the password, nor does a metric or a status', async () => {
    const adminPassword = 'p4ss-w0rd'
    const inBase64 = Buffer.from(`admin:${adminPassword}`).toString('base64')
    await using tap = await fakeTap({
      adminPassword: 'another',
      faults: [{ onConnect: 1, do: 'refuse' }],
    })
    const source = tapped(tap, { adminPassword })
    const error = await endOf(source)
    const shown = inspect([error, error.cause, source.snapshots], { depth: 10, showHidden: true })
    expect(shown).not.toContain(adminPassword)
    expect(shown).not.toContain(inBase64)
    expect(tap.attempts.map(({ url }) => url)).toEqual(['/channel', '/channel'])
  })
})

describe('the password', () => {
  it.each(['plain', 'with spaces: and colons', 'naïve ✨ 待って', 'line\nbreak', ''])(
    'may be %j',
    async (adminPassword) => {
      await using tap = await fakeTap({ events: 1, adminPassword })
      expect(await first(1, tapped(tap, { adminPassword }).events$)).toHaveLength(1)
    },
  )
})

describe('an end of the connection', () => {
  const ends: readonly (readonly [string, TapFault])[] = [
    ['a drop (1006)', { after: 3, do: 'drop' }],
    ['a reset', { after: 3, do: 'reset' }],
    ...[1000, 1001, 1011, 1012].map(
      (code) => [`a close with ${code}`, { after: 3, do: 'close', code }] as const,
    ),
  ]

  it.each(ends)('is followed by a reconnect, and never by completion: %s', async (_, fault) => {
    await using tap = await fakeTap({ events: records(ALICE, 6, false), faults: [fault] })
    const source = tapped(tap)
    const [events, completed]: [TapEvent[], jest.Mock] = [[], jest.fn()]
    const subscription = source.events$.subscribe({
      next: (event) => events.push(event),
      complete: completed,
    })
    // An ack that was on its way at the end is lost with the connection: its event is handled
    // again.
    await tap.connected(2)
    tap.redeliver()
    await tap.drained()
    expect([...new Set(rkeysOf(events))]).toEqual(['r1', 'r2', 'r3', 'r4', 'r5', 'r6'])
    expect(completed).not.toHaveBeenCalled()
    subscription.unsubscribe()
    await tap.closed(2)
    expect(source.metrics.reconnects).toBe(1)
  })

  it('is found by silence', async () => {
    await using tap = await fakeTap({
      events: records(ALICE, 2, false),
      faults: [{ after: 1, do: 'silence' }],
    })
    const source = tapped(tap, { idleTimeoutMs: 200 })
    const waiting = source.when(({ connection }) => connection.state === 'waiting')
    const events = first(2, source.events$)
    expect((await waiting).connection).toMatchObject({ reason: expect.any(IdleTimeoutError) })
    expect(idsOf(await events)).toEqual([1, 2])
    expect(tap.fired).toHaveLength(1)
  })

  it('is not seen in a server that has nothing to say, and answers our pings', async () => {
    await using tap = await fakeTap()
    const source = tapped(tap, { idleTimeoutMs: 120 })
    const subscription = source.events$.subscribe()
    const connection = await tap.connected()
    // Three times the timeout, in pings: each third of it has one.
    await source.when(() => connection.pings >= 9)
    expect(source.metrics).toMatchObject({ connection: { state: 'open' }, reconnects: 0 })
    subscription.unsubscribe()
    await tap.closed()
  })

  it('in the handshake comes within connectTimeoutMs', async () => {
    await using tap = await fakeTap({ events: 1, faults: [{ onConnect: 1, do: 'hang' }] })
    const source = tapped(tap, { connectTimeoutMs: 150 })
    const waiting = source.when(({ connection }) => connection.state === 'waiting')
    const events = first(1, source.events$)
    expect((await waiting).connection).toMatchObject({ reason: expect.any(ConnectTimeoutError) })
    expect(await events).toHaveLength(1)
  })
})

describe('two clients', () => {
  it('share the events: each goes to one of them, and is acked by that one', async () => {
    await using tap = await fakeTap()
    const sources = [tapped(tap), tapped(tap)]
    const seen: TapEvent[][] = [[], []]
    const subscriptions = sources.map(({ events$ }, index) =>
      events$.subscribe((event) => seen[index]?.push(event)),
    )
    await tap.connected(2)
    tap.emit(...records(ALICE, 40, false), ...records(BOB, 40))
    await tap.drained()
    const [one, two] = seen.map((events) => events.map(({ id }) => id))
    expect(one?.length).toBeGreaterThan(20)
    expect(two?.length).toBeGreaterThan(20)
    expect([...(one ?? []), ...(two ?? [])].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 80 }, (_, index) => index + 1),
    )
    expect(tap.acks.some(({ stray }) => stray)).toBe(false)
    for (const subscription of subscriptions) subscription.unsubscribe()
    await tap.closed(2)
  })

  it('take over from each other: events pending in one that dies come to the other', async () => {
    await using tap = await fakeTap({ events: [record(ALICE, 'a')] })
    const work = new Work()
    await using dying = await connect(tap.url)
    await dying.received(1)
    const heir = tapped(tap).events$.pipe(boundedMergeMap(work.handle)).subscribe()
    await tap.connected(2)
    dying.ws.terminate()
    await tap.closed()
    tap.redeliver()
    await work.startedSo(1)
    work.end(1)
    await tap.drained()
    expect(tap.acks).toEqual([{ id: 1, connection: 2, delivery: 2, stray: false }])
    heir.unsubscribe()
    await tap.closed(2)
  })
})
