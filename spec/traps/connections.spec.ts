import { tap } from 'rxjs'
import { boundedMergeMap, type ConnectionStatus, type JetstreamEvent } from '../../src/index.js'
import { fakeJetstream, marbles } from '../../src/testing/index.js'
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js'
import { runFor, scripted } from '../live/sessions.js'
import { cursorsOf, first, generated, timesOf, watched } from './watched.js'

/**
 * A second connection that asks for what came since the first one opened compares its clock with
 * the events'.
 */
const ofNow = () => ({ startUs: Date.now() * 1000 })

const reasonOf = (status: ConnectionStatus) => status.reason?.code

describe('a backoff that never resets, or too soon', () => {
  it(
    'ten sessions of ten minutes keep the first delay',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['o 599999ms #'], {
        reconnect: { jitter: 'none' },
      })
      runFor(helpers, 10 * 601_000 + 1, events$)
      expect(sessions.waits).toEqual(Array.from({ length: 10 }, () => 601_000))
    }),
  )

  it(
    'sessions of one event keep the first delay, but not for ever',
    marbles((helpers) => {
      const frames = 'abcdefghij'.split('')
      const { events$, sessions } = scripted(
        helpers,
        // The first event repeats the one before it.
        frames.map((letter, index) => `(o${frames[index - 1] ?? ''}${letter}#)`),
        { reconnect: { jitter: 'none' } },
      )
      runFor(helpers, 14_500, events$)
      expect(sessions.waits).toEqual([...Array.from({ length: 7 }, () => 1000), 2000, 4000])
    }),
  )

  it(
    'a server that accepts and drops sees it grow to the bound, and stay there',
    marbles((helpers) => {
      const { events$, sessions } = scripted(helpers, ['(o#)'], { reconnect: { jitter: 'none' } })
      runFor(helpers, 300_000, events$)
      expect(sessions.waits).toEqual([
        1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
      ])
    }),
  )

  it('a server that accepts and drops on a real socket is left alone more and more', async () => {
    await using server = await fakeJetstream({
      events: 5,
      generate: ofNow(),
      faults: [{ onConnect: 1, times: 5, do: 'accept-and-drop' }],
    })
    const source = watched(server, { reconnect: { initialDelayMs: 20, jitter: 'none' } })
    await first(5, source.events$)
    const waits = source.snapshots
      .map(({ connection }) => (connection.state === 'waiting' ? connection.attempt : 0))
      .filter(Boolean)
    expect([...new Set(waits)]).toEqual([1, 2, 3, 4, 5])
    expect(server.fired).toHaveLength(5)
  })
})

describe('a half-open link', () => {
  it.each([
    ['before the first frame', 0],
    ['after it', 50],
  ])('is found within `idleTimeoutMs` %s, and nothing is lost', async (_, after) => {
    const generate = ofNow()
    await using server = await fakeJetstream({
      events: 100,
      generate,
      faults: [{ after, do: 'silence' }],
    })
    const source = watched(server, { idleTimeoutMs: 300 })
    const startedAt = performance.now()
    const events = await first(100, source.events$)
    expect(timesOf(events)).toEqual(timesOf(generated(100, generate)))
    expect(server.fired).toHaveLength(1)
    expect(source.snapshots.map(({ connection }) => reasonOf(connection))).toContain('IDLE_TIMEOUT')
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })

  it('is found when a cable is cut in between', async () => {
    await using server = await fakeJetstream({ events: 100 })
    await using proxy = await faultProxy({ target: server.url })
    const source = watched(proxy, { idleTimeoutMs: 300 })
    let cut = false
    const cutting = tap<JetstreamEvent>(() => {
      if (cut) return
      cut = true
      proxy.set({ halfOpen: true })
      void source
        .when(({ connection }) => connection.state === 'waiting')
        .then(() => proxy.set({ halfOpen: false }))
    })
    const done = first(101, source.events$.pipe(cutting))
    await source.when(({ reconnects }) => reconnects > 0)
    server.emit(...generated(101).slice(100))
    expect(timesOf(await done)).toEqual(timesOf(generated(101)))
    expect(proxy.fired).toContain('halfOpen')
  })

  it('in the handshake ends within `connectTimeoutMs`', async () => {
    await using server = await fakeJetstream({ events: 10, faults: [{ onConnect: 1, do: 'hang' }] })
    const source = watched(server, { connectTimeoutMs: 200 })
    expect(await first(10, source.events$)).toEqual(generated(10))
    expect(server.fired).toHaveLength(1)
    expect(source.snapshots.map(({ connection }) => reasonOf(connection))).toContain(
      'CONNECT_TIMEOUT',
    )
  })
})

describe('a link so slow that one frame takes longer than a timeout', () => {
  const events = generated(10, { startUs: Date.now() * 1000 })
  const large = JSON.stringify({ ...events[5], padding: 'x'.repeat(80_000) })
  const texts = events.map((event, index) => (index === 5 ? large : JSON.stringify(event)))

  it.each([
    ['idleTimeoutMs', { idleTimeoutMs: 700 }],
    ['silentTimeoutMs', { silentTimeoutMs: 700 }],
  ])('passes the frame: its bytes are a sign of life (%s)', async (_, timeout) => {
    await using server = await fakeJetstream({ events: texts })
    // Two seconds for the large frame, in twenty pieces.
    await using proxy = await faultProxy({ target: server.url, bandwidth: 40_000 })
    const source = watched(proxy, timeout)
    expect(timesOf(await first(10, source.events$))).toEqual(timesOf(events))
    expect(proxy.fired).toContain('bandwidth')
    expect(proxy.accepted).toBe(1)
    expect(source.gaps).toEqual([])
  })
})

describe('a clean close that completes the stream', () => {
  it.each([1000, 1001, 1006, 1012])(
    'a close with %i is followed by the next connection',
    async (code) => {
      await using server = await fakeJetstream({
        events: 100,
        faults: [
          code === 1006
            ? { after: 40, do: 'drop' }
            : { after: 40, do: 'close', code, reason: 'server shutting down' },
        ],
      })
      const source = watched(server)
      const completed = jest.fn()
      expect(await first(100, source.events$.pipe(tap({ complete: completed })))).toEqual(
        generated(100),
      )
      expect(completed).not.toHaveBeenCalled()
      expect(server.fired).toHaveLength(1)
      const { connection } =
        source.snapshots.find(({ connection }) => connection.state === 'waiting') ?? source.metrics
      expect(connection).toMatchObject({ reason: { closeCode: code } })
    },
  )

  it('one broken frame does not end it either', async () => {
    await using server = await fakeJetstream({
      events: 100,
      faults: [{ after: 40, do: 'garbage', frame: 'not json' }],
    })
    const source = watched(server)
    expect(await first(100, source.events$)).toEqual(generated(100))
    expect(source.rejects).toHaveLength(1)
    expect(server.connections).toHaveLength(1)
  })
})

describe('pings that are far apart', () => {
  it('a server that never pings is kept as long as it answers ours', async () => {
    await using server = await fakeJetstream({
      events: 10,
      pingEveryMs: Number.POSITIVE_INFINITY,
      faults: [{ after: 10, do: 'stall' }],
    })
    const source = watched(server, { idleTimeoutMs: 150 })
    const subscription = source.events$.subscribe()
    // Three times the timeout, in pings: each third of it has one.
    await source.when(() => (server.connections[0]?.pings ?? 0) >= 9)
    expect(source.metrics).toMatchObject({
      connection: { state: 'open' },
      reconnects: 0,
      delivered: 10,
    })
    expect(server.fired).toHaveLength(1)
    subscription.unsubscribe()
    await server.closed()
  })

  it('a filter that lets nothing through is not silence', async () => {
    await using server = await fakeJetstream({ events: 50 })
    const source = watched(server, { idleTimeoutMs: 150, dids: ['did:plc:nobody'] })
    const subscription = source.events$.subscribe()
    await source.when(() => (server.connections[0]?.pings ?? 0) >= 9)
    expect(source.metrics).toMatchObject({
      connection: { state: 'open' },
      reconnects: 0,
      frames: 0,
    })
    subscription.unsubscribe()
    await server.closed()
  })

  it('a server that waits for a hello and does not ping meanwhile is sent it at once', async () => {
    const dids = Array.from(
      { length: 300 },
      (_, index) => `did:plc:${String(index).padStart(24, 'a')}`,
    )
    await using server = await fakeJetstream({ events: 50 })
    const subscription = watched(server, { dids }).events$.subscribe()
    const connection = await server.connected()
    await server.when(() => connection.messages.length === 1)
    expect(connection.params.get('requireHello')).toBe('true')
    subscription.unsubscribe()
    await server.closed()
  })
})

describe('a paused reader that is cut', () => {
  it('closes by itself before that, and comes back by cursor: every event once', async () => {
    await using server = await fakeJetstream({ events: 3000, writeTimeoutMs: 2000 })
    const source = watched(server, { pauseCloseMs: 100 })
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const events = first(
      3000,
      source.events$.pipe(boundedMergeMap((event) => gate.then(() => event), { capacity: 100 })),
    )
    const closed = await server.closed()
    expect(closed.closed?.code).toBe(1000)
    expect(source.metrics.connection.state).toBe('paused')
    release()
    expect(timesOf((await events) as ReturnType<typeof generated>)).toEqual(
      timesOf(generated(3000)),
    )
    expect(source.metrics.reconnects).toBeGreaterThan(0)
    expect(source.gaps).toEqual([])
  })

  it('that is cut off first receives what was buffered, then every event once', async () => {
    // 40 MB: more than the buffers of both sides.
    const padding = 'x'.repeat(10_000)
    const log = generated(4000).map((event) => ({ ...event, padding }))
    await using server = await fakeJetstream({ events: log, writeTimeoutMs: 300 })
    const source = watched(server, { pauseCloseMs: 20_000 })
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const events = first(
      4000,
      source.events$.pipe(
        boundedMergeMap((event) => gate.then(() => event.time_us), { capacity: 100 }),
      ),
    )
    const cut = await server.closed()
    expect(cut.closed?.code).toBe(1006)
    release()
    expect(await events).toEqual(timesOf(log))
    expect(cursorsOf(server).length).toBeGreaterThan(1)
    expect(source.gaps).toEqual([])
  }, 30_000)
})

describe('offers that kill the handshake', () => {
  it('no subprotocol and no compression is offered on v1', async () => {
    await using server = await fakeJetstream({ events: 1 })
    await first(1, watched(server).events$)
    const { headers } = await server.connected()
    expect(headers).not.toHaveProperty('sec-websocket-protocol')
    expect(headers).not.toHaveProperty('sec-websocket-extensions')
    expect(headers).not.toHaveProperty('socket-encoding')
  })
})

describe('a 503 without Retry-After', () => {
  it('is tried again after the first, short delay', async () => {
    await using server = await fakeJetstream({
      events: 10,
      faults: [
        {
          onConnect: 1,
          do: 'refuse',
          status: 503,
          body: 'service not ready: cursor replay warming up\n',
        },
      ],
    })
    const source = watched(server, { reconnect: { initialDelayMs: 30, jitter: 'none' } })
    expect(await first(10, source.events$)).toEqual(generated(10))
    expect(server.fired).toHaveLength(1)
    const [refused, accepted] = server.attempts
    expect((accepted?.startedAt ?? 0) - (refused?.startedAt ?? 0)).toBeLessThan(10_000)
    expect(
      source.snapshots.find(({ connection }) => connection.state === 'waiting')?.connection,
    ).toMatchObject({
      attempt: 1,
      reason: {
        code: 'REFUSED',
        status: 503,
        body: 'service not ready: cursor replay warming up\n',
      },
    })
  })

  it('with it is left alone for as long as it says', async () => {
    await using server = await fakeJetstream({
      events: 10,
      faults: [{ onConnect: 1, do: 'refuse', headers: { 'retry-after': '1' } }],
    })
    const source = watched(server)
    await first(10, source.events$)
    const [refused, accepted] = server.attempts
    expect((accepted?.startedAt ?? 0) - (refused?.startedAt ?? 0)).toBeGreaterThanOrEqual(990)
    expect(
      source.snapshots.find(({ connection }) => connection.state === 'waiting')?.currentBackoffMs,
    ).toBe(1000)
  })
})
