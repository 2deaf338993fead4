import { encode } from '@atcute/cbor'
import {
  filter,
  firstValueFrom,
  lastValueFrom,
  mergeMap,
  type Observable,
  take,
  takeWhile,
  timer,
  toArray,
} from 'rxjs'
import { timeUs } from '../../../src/atproto/time.js'
import {
  boundedMergeMap,
  type FirehoseConfig,
  type FirehoseEvent,
  firehose$,
  type Gap,
  ingest,
  memoryCursorStore,
  RefusedError,
  type RejectedFrame,
  rawFrame,
  type StreamMetrics,
  streamMetrics,
} from '../../../src/index.js'
import { decodeMessage } from '../../../src/testing/event-stream/firehose-message.js'
import {
  type FakeFirehose,
  fakeFirehose,
  fakeJetstream,
  generateCommits,
} from '../../../src/testing/index.js'
import { framesOf } from '../../helpers/recordings.js'
import { expectBalanced, first } from '../../helpers/streams.js'
import { refusing } from '../../socket/servers.js'
import { commitFrame, eventsIn, join, posts, timeOf } from './frames.js'
import { nameOf } from './streams.js'

/** A firehose and all that it told, dialled again at once. */
function watched(server: Pick<FakeFirehose, 'url'>, config: FirehoseConfig = {}) {
  const [gaps, rejects]: [Gap[], RejectedFrame[]] = [[], []]
  const metrics$ = streamMetrics()
  const snapshots: StreamMetrics[] = []
  metrics$.subscribe((snapshot) => snapshots.push(snapshot))
  const events$ = firehose$({
    host: server.url,
    reconnect: { initialDelayMs: 10, jitter: 'none' },
    metrics$,
    gaps: { next: (gap) => gaps.push(gap) },
    rejects: { next: (rejected) => rejects.push(rejected) },
    ...config,
  })
  const when = (holds: (metrics: StreamMetrics) => boolean) =>
    firstValueFrom(metrics$.pipe(filter(holds)))
  return { events$, gaps, rejects, metrics$, snapshots, when }
}

/** One line for each event of a frame, made of what the fake's own decoder says. */
function linesOf(frame: Uint8Array): readonly string[] {
  const { t, body } = decodeMessage(frame)
  if (t !== '#commit') return [`${body.seq} ${t} ${body.did}`]
  return body.ops.map(
    ({ action, path, cid }) => `${body.seq} ${body.repo} ${action} ${path} ${cid?.$link}`,
  )
}

const lineOf = (event: FirehoseEvent): string => {
  if (event.kind !== 'commit') return `${event.cursor} #${event.kind} ${event.did}`
  const { operation, collection, rkey, cid } = event.commit
  return `${event.cursor} ${event.did} ${operation} ${collection}/${rkey} ${cid}`
}

/** All events up to the message of this number. */
const upTo = (seq: number, events$: Observable<FirehoseEvent>): Promise<readonly FirehoseEvent[]> =>
  lastValueFrom(
    events$.pipe(
      takeWhile(({ cursor }) => cursor < seq),
      toArray(),
    ),
  )

const endpoint = ({ url }: Pick<FakeFirehose, 'url'>): string =>
  `${url}/xrpc/com.atproto.sync.subscribeRepos`

const marker = (seq: number): Uint8Array => posts(seq)

describe.each(['pds', 'relay'] as const)('a firehose of a %s', (style) => {
  it('comes once each, in order, over cuts and resets, with every record', async () => {
    const faults = [
      { after: 100, do: 'drop' },
      { after: 333, do: 'reset' },
      { after: 700, do: 'drop' },
    ] as const
    await using server = await fakeFirehose({ events: 1000, stored: 'all', style, faults })
    const { events$, gaps, rejects, snapshots } = watched(server, { cursor: 'oldest' })
    const count = server.frames.flatMap(linesOf).length
    const events = await first(count, events$)
    expect(events.map(lineOf)).toEqual(server.frames.flatMap(linesOf))
    for (const event of events) {
      if (event.kind !== 'commit' || event.commit.operation === 'delete') continue
      expect(event.commit.problem).toBeUndefined()
      expect(event.commit.record).toMatchObject({ $type: event.commit.collection })
    }
    expect([gaps, rejects]).toEqual([[], []])
    expect(server.fired).toHaveLength(3)
    for (const snapshot of snapshots) expectBalanced(snapshot)
  })

  it('says what a server lost in a crash, and gave the numbers of to others', async () => {
    await using server = await fakeFirehose({ events: 60, stored: 'all', style })
    const { events$, gaps } = watched(server, { cursor: 'oldest' })
    const seen: FirehoseEvent[] = []
    const subscription = events$.subscribe((event) => seen.push(event))
    await server.idle()
    await firstValueFrom(timer(0, 5).pipe(filter(() => seen.at(-1)?.cursor === 60)))
    server.restart({ lose: 20 })
    server.emit(...generateCommits({ seed: 99, firstSeq: 41, count: 40 }))
    await firstValueFrom(timer(0, 5).pipe(filter(() => seen.at(-1)?.cursor === 80)))
    subscription.unsubscribe()
    // Nothing of the new log is taken for old: the policy reads it from its beginning.
    const after = seen.slice(
      seen.findIndex(({ cursor }, at) => cursor < (seen[at - 1]?.cursor ?? 0)),
    )
    expect(after.map(lineOf)).toEqual(server.frames.flatMap(linesOf))
    expect(gaps).toEqual([expect.objectContaining({ reason: 'renumbered', recoverable: false })])
  })

  it('delivers 998 of 1,000 when two frames are broken, and names those', async () => {
    await using server = await fakeFirehose({
      events: 1000,
      stored: 'all',
      style,
      generate: { flaws: [{ every: 500, do: 'truncated' }] },
    })
    const { events$, rejects, metrics$ } = watched(server, { cursor: 'oldest' })
    server.emit(marker(1001))
    const numbers = new Set((await upTo(1001, events$)).map(({ cursor }) => cursor))
    expect(
      Array.from({ length: 1000 }, (_, n) => n + 1).filter((seq) => !numbers.has(seq)),
    ).toEqual([500, 1000])
    expect(rejects.map(({ error }) => error.place?.position)).toEqual([500, 1000])
    expect(metrics$.value).toMatchObject({ rejected: 2, gaps: 0 })
    expect(server.connections).toHaveLength(1)
  })
})

describe('the records of a commit', () => {
  it('that are not there, or others, are named by their events, and none is lost', async () => {
    const flaws = [
      { every: 7, do: 'missing-block' },
      { every: 11, do: 'wrong-block' },
      { every: 13, do: 'too-big' },
      { every: 17, do: 'same-path' },
    ] as const
    await using server = await fakeFirehose({ events: 200, stored: 'all', generate: { flaws } })
    const { events$, rejects } = watched(server, { cursor: 'oldest' })
    server.emit(marker(201))
    const events = await upTo(201, events$)
    const commits = events.filter((event) => event.kind === 'commit')
    expect(commits.map(lineOf)).toEqual(
      server.frames.flatMap(linesOf).filter((line) => !/ #|^201 /.test(line)),
    )
    const problems = new Set(commits.map(({ commit }) => commit.problem))
    expect(problems).toEqual(new Set([undefined, 'record-missing', 'record-mismatch']))
    const tooBig = events.filter((event) => event.kind === 'sync' && event.sync.tooBig === true)
    expect(tooBig.length).toBeGreaterThan(10)
    expect(rejects).toEqual([])
  })
})

describe('a commit of several operations', () => {
  it('is one delivery: a cut inside it keeps the checkpoint before it, for a restart', async () => {
    await using server = await fakeFirehose({
      events: [posts(5), posts(6, 4), posts(7)],
      stored: 'all',
    })
    const checkpoint = memoryCursorStore()
    const one = watched(server, { cursor: 'oldest', checkpoint })
    expect((await first(3, one.events$)).map(nameOf)).toEqual(['5-0', '6-0', '6-1'])
    expectBalanced(one.metrics$.value)
    expect(one.metrics$.value).toMatchObject({ delivered: 2, done: 1, failed: 1 })
    await one.when(({ checkpoint: saved }) => saved === 6)

    const again = watched(server, { checkpoint })
    expect((await first(5, again.events$)).map(nameOf)).toEqual(['6-0', '6-1', '6-2', '6-3', '7-0'])
    expect(again.gaps).toEqual([])
    expect(
      server.attempts.map(({ url }) => new URL(url, server.url).searchParams.get('cursor')),
    ).toEqual(['0', '5'])
  })

  it('holds the checkpoint until all of them are done, in whatever order', async () => {
    await using server = await fakeFirehose({
      events: [posts(5), posts(6, 3), posts(7)],
      stored: 'all',
    })
    const { events$, when, metrics$ } = watched(server, {
      cursor: 'oldest',
      checkpoint: { store: memoryCursorStore(), everyMs: 5 },
    })
    const finish = new Map<string, () => void>()
    const work = (event: FirehoseEvent) =>
      new Promise<void>((resolve) => finish.set(nameOf(event), resolve))
    const subscription = events$.pipe(boundedMergeMap(work, { concurrency: 10 })).subscribe()
    await when(({ delivered }) => delivered === 3)
    for (const name of ['7-0', '6-2', '5-0', '6-0']) finish.get(name)?.()
    await when(({ checkpoint, done }) => checkpoint === 6 && done === 2)
    expect(metrics$.value.open).toBe(1)
    finish.get('6-1')?.()
    await when(({ checkpoint }) => checkpoint === 7)
    subscription.unsubscribe()
  })

  it('stops the checkpoint when the work on one of them fails', async () => {
    await using server = await fakeFirehose({
      events: [posts(5), posts(6, 3), posts(7)],
      stored: 'all',
    })
    const { events$, when } = watched(server, {
      cursor: 'oldest',
      checkpoint: { store: memoryCursorStore(), everyMs: 5 },
    })
    const seen: string[] = []
    const work = async (event: FirehoseEvent): Promise<void> => {
      seen.push(nameOf(event))
      if (nameOf(event) === '6-1') throw new Error('no')
    }
    const ended = lastValueFrom(events$.pipe(ingest({ '*': work }, { onError: 'fail' })), {
      defaultValue: undefined,
    })
    await expect(ended).rejects.toThrow('no')
    const { checkpoint } = await when(({ checkpoint: saved = 5 }) => saved > 5)
    expect(checkpoint).toBe(6)
    expect(seen).toContain('6-1')
  })
})

describe('what a server refuses', () => {
  it('is a place in its future: the stream goes on by the policy, and says so', async () => {
    await using server = await fakeFirehose({ events: [posts(5)], stored: 'all' })
    const { events$, gaps } = watched(server, { cursor: 1_000_000 })
    expect((await first(1, events$)).map(nameOf)).toEqual(['5-0'])
    expect(gaps).toEqual([expect.objectContaining({ from: 1_000_000, reason: 'renumbered' })])
    expect(server.attempts).toHaveLength(2)
  })

  it('is a place that it has forgotten: the gap is reported', async () => {
    await using server = await fakeFirehose({ events: 100, stored: 'all', retainEvents: 10 })
    const { events$, gaps } = watched(server, { cursor: 3 })
    const [event] = await first(1, events$)
    expect(event?.cursor).toBeGreaterThanOrEqual(91)
    expect(gaps).toEqual([expect.objectContaining({ from: 3, reason: 'cursor-too-old' })])
  })

  it('is a request by its status: the stream ends', async () => {
    await using server = await refusing((_, response) =>
      response.writeHead(404).end('{"error":"Not Found"}'),
    )
    const error = await lastValueFrom(firehose$({ host: server.url })).catch(
      (failure: unknown) => failure,
    )
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ status: 404 })
  })

  it('disconnects a reader that is behind: the cursor brings the rest at once', async () => {
    await using server = await fakeFirehose({ events: [posts(1)], stored: 'all' })
    const { events$, gaps, metrics$ } = watched(server, {
      cursor: 'oldest',
      reconnect: { initialDelayMs: 60_000, jitter: 'none' },
    })
    const seen: string[] = []
    const subscription = events$.subscribe((event) => seen.push(nameOf(event)))
    await firstValueFrom(timer(0, 5).pipe(filter(() => seen.length === 1)))
    // The server knows it, too: until then the reader is not live, and cannot be behind.
    await server.idle()
    server.emit(...Array.from({ length: 501 }, (_, n) => posts(n + 2)))
    await firstValueFrom(timer(0, 5).pipe(filter(() => seen.length === 502)))
    subscription.unsubscribe()
    expect(seen).toEqual(Array.from({ length: 502 }, (_, n) => `${n + 1}-0`))
    expect(server.connections).toHaveLength(2)
    expect(gaps).toEqual([])
    expect(metrics$.value.currentBackoffMs).toBe(0)
  })
})

describe('a message above `maxFrameBytes`', () => {
  const MAX = 4000
  const large = (seq: number, changes: object = {}) =>
    commitFrame(
      seq,
      [
        {
          action: 'create',
          path: 'app.bsky.feed.post/large',
          record: { text: 'x'.repeat(300_000) },
        },
      ],
      changes,
    )

  it.each([{}, { collections: ['app.bsky.feed.post'] }])(
    'is one gap and one reject, and the connection stays (%j)',
    async (filters) => {
      await using server = await fakeFirehose({
        events: [posts(5), large(6), posts(7)],
        stored: 'all',
      })
      const { events$, gaps, rejects, metrics$, snapshots } = watched(server, {
        cursor: 'oldest',
        maxFrameBytes: MAX,
        ...filters,
      })
      expect((await first(2, events$)).map(nameOf)).toEqual(['5-0', '7-0'])
      const [frame] = server.frames.slice(1) as [Uint8Array]
      expect(gaps).toEqual([
        {
          host: endpoint(server),
          from: 6,
          to: 6,
          reason: 'frame-too-large',
          recoverable: true,
          count: 1,
        },
      ])
      expect(rejects).toMatchObject([
        { length: frame.length, error: { place: { position: 6, time_us: timeUs(timeOf(6)) } } },
      ])
      expect(rejects[0]?.frame).toEqual(frame.slice(0, 65_536))
      expect(metrics$.value).toMatchObject({ rejected: 1, gaps: 1, reconnects: 0 })
      expect(server.connections).toHaveLength(1)
      for (const snapshot of snapshots) expectBalanced(snapshot)
    },
  )

  it('moves the checkpoint past it; asked for again after a cut, it is no second gap', async () => {
    const faults = [{ after: 2, do: 'drop' }] as const
    await using server = await fakeFirehose({
      events: [posts(5), large(6), posts(7)],
      stored: 'all',
      faults,
    })
    const checkpoint = { store: memoryCursorStore(), everyMs: 5 }
    const { events$, gaps, when } = watched(server, {
      cursor: 'oldest',
      maxFrameBytes: MAX,
      checkpoint,
    })
    const seen: FirehoseEvent[] = []
    const subscription = events$.subscribe((event) => seen.push(event))
    await when(({ checkpoint: saved }) => saved === 7)
    subscription.unsubscribe()
    expect(seen.map(nameOf)).toEqual(['5-0', '7-0'])
    expect(gaps).toMatchObject([{ from: 6, to: 6, reason: 'frame-too-large' }])
    expect(
      server.attempts.map(({ url }) => new URL(url, server.url).searchParams.get('cursor')),
    ).toEqual(['0', '5'])
    expect(server.fired).toHaveLength(1)
  })

  it('at the checkpoint of an earlier run is skipped too, at each start', async () => {
    await using server = await fakeFirehose({ events: [large(6)], stored: 'all' })
    const checkpoint = { store: memoryCursorStore(), everyMs: 5 }
    const one = watched(server, { cursor: 'oldest', maxFrameBytes: MAX, checkpoint })
    const subscription = one.events$.subscribe()
    await one.when(({ checkpoint: saved }) => saved === 6)
    subscription.unsubscribe()
    server.emit(posts(7))
    for (let run = 0; run < 3; run += 1) {
      const again = watched(server, { maxFrameBytes: MAX, checkpoint: checkpoint.store })
      expect((await first(1, again.events$)).map(nameOf)).toEqual(['7-0'])
      expect(again.gaps.filter(({ reason }) => reason !== 'frame-too-large')).toEqual([])
    }
  })

  it('without a `seq` that can be read is a gap from the last position on', async () => {
    // Names in another order than that of DAG-CBOR: the blocks come first.
    const odd = join(
      encode({ op: 1, t: '#commit' }),
      Uint8Array.of(0xa1, 0x61, 0x61),
      encode('x'.repeat(300_000)),
    )
    await using server = await fakeFirehose({ events: [posts(5), odd, posts(7)], stored: 'all' })
    const { events$, gaps, rejects } = watched(server, { cursor: 'oldest', maxFrameBytes: MAX })
    expect((await first(2, events$)).map(nameOf)).toEqual(['5-0', '7-0'])
    expect(gaps).toMatchObject([{ from: 5, to: undefined, reason: 'frame-too-large', count: 1 }])
    expect(rejects.map(({ error }) => error.place)).toEqual([undefined])
  })

  it("ends the stream under `onLargeFrame: 'fail'`, and says where", async () => {
    await using server = await fakeFirehose({
      events: [posts(5), large(6), posts(7)],
      stored: 'all',
    })
    const { events$, gaps } = watched(server, {
      cursor: 'oldest',
      maxFrameBytes: MAX,
      onLargeFrame: 'fail',
    })
    const error = await lastValueFrom(events$).catch((failure: unknown) => failure)
    expect(error).toMatchObject({
      code: 'FRAME_TOO_LARGE',
      retryable: false,
      message: expect.stringContaining('after position 5'),
    })
    expect(gaps).toEqual([])
    expect(server.connections).toHaveLength(1)
  })
})

describe('text', () => {
  it('ends the stream where it comes first, as from a Jetstream', async () => {
    await using server = await fakeJetstream({ events: 20, stored: 'all' })
    for (const filters of [{}, { collections: ['app.bsky.feed.post'] }]) {
      const { events$, rejects, snapshots } = watched(server, { cursor: 'oldest', ...filters })
      await expect(lastValueFrom(events$)).rejects.toMatchObject({
        code: 'WIRE',
        retryable: false,
        message: expect.stringMatching(`${server.url} sends text.*\`jetstream\\$\``),
      })
      expect(rejects).toEqual([])
      expect(snapshots.at(-1)).toMatchObject({
        frames: 1,
        control: 1,
        connection: { state: 'closed', reason: { code: 'WIRE' } },
      })
    }
    expect(server.attempts).toHaveLength(2)
  })

  it('is a reject among binary messages', async () => {
    const faults = [{ after: 1, do: 'garbage', frame: '{"kind":"commit"}', times: 3 }] as const
    await using server = await fakeFirehose({
      events: [posts(5), posts(6), posts(7), posts(8)],
      faults,
    })
    const { events$, rejects } = watched(server)
    expect((await first(4, events$)).map(nameOf)).toEqual(['5-0', '6-0', '7-0', '8-0'])
    expect(rejects.map(({ frame, error }) => [frame, error.message])).toEqual(
      Array.from({ length: 3 }, () => ['{"kind":"commit"}', expect.stringContaining('is text')]),
    )
    expect(server.connections).toHaveLength(1)
  })
})

describe('several hosts', () => {
  it('are read side by side, each with its own position, key and numbers', async () => {
    await using a = await fakeFirehose({ events: [posts(5), posts(6)], stored: 'all' })
    await using b = await fakeFirehose({
      events: [posts(905), posts(906), posts(907)],
      stored: 'all',
      style: 'relay',
    })
    const store = memoryCursorStore()
    const numbers = new Map([a, b].map(({ endpoint }) => [endpoint, streamMetrics()]))
    const events$ = firehose$({
      host: [a.url, b.url],
      cursor: 'oldest',
      checkpoint: store,
      metrics$: (host) => numbers.get(host),
    })
    const names = (await first(5, events$)).map(nameOf)
    expect([...names].sort()).toEqual(['5-0', '6-0', '905-0', '906-0', '907-0'])
    await firstValueFrom(timer(0, 5).pipe(filter(() => store.positions.size === 2)))
    expect([...store.positions.keys()].sort()).toEqual(
      [a, b].map(({ endpoint }) => `firehose ${endpoint}`).sort(),
    )
    expect([a, b].map(({ endpoint }) => numbers.get(endpoint)?.value.cursor)).toEqual([6, 907])
  })
})

describe('the frames of a PDS, through a socket', () => {
  const frames = framesOf('local/firehose_frames.bin')

  it('are the events that they are without one, and come once each over cuts', async () => {
    await using server = await fakeFirehose({
      events: [...frames],
      stored: 'all',
      faults: [
        { after: 10, do: 'drop' },
        { after: 40, do: 'reset' },
      ],
    })
    const expected = frames.flatMap((frame) => eventsIn(frame))
    const { events$, gaps } = watched(server, { cursor: 'oldest' })
    expect(await first(expected.length, events$)).toEqual(expected)
    expect(gaps).toEqual([])
  })

  it('are filtered before any of their records is decoded', async () => {
    await using server = await fakeFirehose({ events: [...frames, marker(73)], stored: 'all' })
    const { events$, metrics$ } = watched(server, {
      cursor: 'oldest',
      collections: ['app.bsky.graph.*', 'app.bsky.feed.post'],
      kinds: ['commit'],
    })
    const events = await upTo(73, events$.pipe(mergeMap((event) => [event])))
    const isWanted = (event: FirehoseEvent) =>
      event.kind === 'commit' && /^app\.bsky\.(graph\.|feed\.post$)/.test(event.commit.collection)
    expect(events).toEqual(frames.flatMap((frame) => eventsIn(frame)).filter(isWanted))
    expect(metrics$.value.filtered).toBeGreaterThan(20)
    expectBalanced(metrics$.value)
  })
})

it.each([{}, { collections: ['app.bsky.feed.post'] }])(
  'an event keeps its own frame in memory, and not the chunk of the socket that it came in: %j',
  async (filters) => {
    const frames = Array.from({ length: 50 }, (_, n) => posts(n + 1))
    await using server = await fakeFirehose({ events: frames, stored: 'all' })
    const events = await first(50, watched(server, { cursor: 'oldest', ...filters }).events$)
    expect(events.map((event) => rawFrame(event)?.length)).toEqual(
      frames.map(({ length }) => length),
    )
    // As large as the pool that Node gives parts of, whatever its version.
    const { byteLength } = Buffer.allocUnsafe(1).buffer
    for (const event of events)
      expect(rawFrame(event)?.buffer.byteLength).toBeLessThanOrEqual(byteLength)
  },
)

it('a firehose that is unsubscribed from inside of a commit sends nothing more', async () => {
  await using server = await fakeFirehose({ events: [posts(5, 10)], stored: 'all' })
  expect(
    (
      await lastValueFrom(watched(server, { cursor: 'oldest' }).events$.pipe(take(4), toArray()))
    ).map(nameOf),
  ).toHaveLength(4)
  await server.closed()
})
