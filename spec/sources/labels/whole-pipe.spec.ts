import { lastValueFrom, take, toArray } from 'rxjs'
import {
  boundedMergeMap,
  type Gap,
  hold,
  type LabelEvent,
  labels$,
  memoryCursorStore,
  type Release,
  streamMetrics,
} from '../../../src/index.js'
import { type FakeLabels, fakeJetstream, fakeLabels, labelsOf } from '../../../src/testing/index.js'
import { expectBalanced } from '../../helpers/streams.js'
import { label } from './streams.js'

const RECONNECT = { initialDelayMs: 1, maxDelayMs: 5, jitter: 'none' } as const
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What the server sent, by frame, without the position. */
const sentBy = ({ frames }: FakeLabels): readonly unknown[] => frames.flatMap(labelsOf)
const unplaced = ({ seq: _seq, ...rest }: LabelEvent): object => rest

describe('labels$', () => {
  it('emits every label of a labeler, signed or not, with all its members', async () => {
    // Nothing is taken back: what a server replaces it does not replay.
    await using server = await fakeLabels({
      events: 500,
      stored: 'all',
      generate: { unsigned: 0.5, negations: 0 },
    })
    const metrics$ = streamMetrics()
    const read = await lastValueFrom(
      labels$({ host: server.url, cursor: 'oldest', metrics$ }).pipe(take(500), toArray()),
    )
    expect(read.map(unplaced)).toEqual(sentBy(server))
    expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
    expect(new Set(read.map(({ sig }) => sig === undefined)).size).toBe(2)
    expect(read.some(({ exp }) => exp !== undefined)).toBe(true)
    expectBalanced(metrics$.value)
  })

  it('reads a log that was made anew to its end, over short connections', async () => {
    await using server = await fakeLabels({
      events: 180,
      generate: { negations: 0 },
      faults: [{ after: 25, do: 'reset', times: Number.POSITIVE_INFINITY, optional: true }],
    })
    const host = `${server.url}/xrpc/com.atproto.label.subscribeLabels`
    const time_us = Date.UTC(2030, 0, 1) * 1000
    const stored = JSON.stringify({ host, position: 100_000, time_us })
    const gaps: Gap[] = []
    const read = await lastValueFrom(
      labels$({
        host: server.url,
        checkpoint: { load: async () => stored, save: async () => {} },
        reconnect: { ...RECONNECT, maxAttempts: 3 },
        gaps: { next: (gap) => gaps.push(gap) },
      }).pipe(take(180), toArray()),
    )
    expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: 180 }, (_, n) => n + 1))
    expect(gaps.map(({ reason }) => reason)).toEqual(['renumbered'])
  })

  it('emits each label once, in order, over cuts, resets and a slow reader', async () => {
    await using server = await fakeLabels({
      events: 400,
      generate: { negations: 0 },
      faults: [
        { after: 50, do: 'drop' },
        { after: 120, do: 'reset' },
        { after: 200, do: 'error', error: 'ConsumerTooSlow' },
        { after: 260, do: 'close', code: 1001 },
      ],
    })
    const read = await lastValueFrom(
      labels$({ host: server.url, cursor: 'oldest', reconnect: RECONNECT }).pipe(
        take(400),
        toArray(),
      ),
    )
    expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: 400 }, (_, n) => n + 1))
    expect(read.map(unplaced)).toEqual(sentBy(server))
    expect(server.fired).toHaveLength(4)
  })

  it('skips a frame above `maxFrameBytes`: one gap at its position, no reconnect', async () => {
    const large = label('large', { cid: 'x'.repeat(50_000) })
    await using server = await fakeLabels({
      events: [label('a'), large, label('b')],
      stored: 'all',
    })
    const [gaps, metrics$] = [[] as unknown[], streamMetrics()]
    const config = {
      host: server.url,
      cursor: 'oldest',
      maxFrameBytes: 2000,
      metrics$,
      gaps: { next: (gap: unknown) => gaps.push(gap) },
    } as const
    const read = await lastValueFrom(labels$(config).pipe(take(2), toArray()))
    expect(read.map(({ seq }) => seq)).toEqual([1, 3])
    expect(gaps).toMatchObject([
      { from: 2, to: 2, reason: 'frame-too-large', recoverable: true, count: 1 },
    ])
    expect(metrics$.value).toMatchObject({ rejected: 1, reconnects: 0 })
    const failing = labels$({
      host: server.url,
      cursor: 'oldest',
      maxFrameBytes: 2000,
      onLargeFrame: 'fail',
    })
    await expect(lastValueFrom(failing)).rejects.toMatchObject({
      code: 'FRAME_TOO_LARGE',
      retryable: false,
    })
  })

  it('ends where the server sends text, as a Jetstream does', async () => {
    await using server = await fakeJetstream({ events: 20 })
    const labels = lastValueFrom(labels$({ host: server.url, reconnect: RECONNECT }))
    await expect(labels).rejects.toMatchObject({
      code: 'WIRE',
      message: expect.stringContaining('`jetstream$`'),
    })
    expect(server.attempts).toHaveLength(1)
  })

  it('goes on where the labels of a restart are replaced ones, without a gap', async () => {
    const first = label('a')
    await using server = await fakeLabels({ events: [first, label('b')], stored: 'all' })
    const gaps: unknown[] = []
    const seen: string[] = []
    const subscription = labels$({
      host: server.url,
      cursor: 'oldest',
      reconnect: RECONNECT,
      gaps: { next: (gap) => gaps.push(gap) },
    }).subscribe(({ val, neg, seq }) => seen.push(`${seq} ${neg ? 'not ' : ''}${val}`))
    while (seen.length < 2) await turn()
    // While nobody listens, the last label is taken back: the number of its row is gone.
    server.restart()
    server.emit(label('b', { neg: true, cts: '2026-01-02T00:00:00.000Z' }), label('c'))
    await server.connected(2)
    await server.idle()
    while (seen.length < 4) await turn()
    subscription.unsubscribe()
    expect(seen).toEqual(['1 a', '2 b', '3 not b', '4 c'])
    expect(gaps).toEqual([])
  })

  it('reads several labelers side by side, each at its own position', async () => {
    await using one = await fakeLabels({
      events: 30,
      stored: 'all',
      firstSeq: 1000,
      generate: { seed: 1, negations: 0 },
    })
    await using two = await fakeLabels({
      events: 20,
      stored: 'all',
      generate: { seed: 2, negations: 0 },
    })
    const store = memoryCursorStore()
    const host = [one.url, two.url]
    const read = await lastValueFrom(
      labels$({ host, cursor: 'oldest', checkpoint: store }).pipe(take(50), toArray()),
    )
    expect(new Set(read.map(({ src }) => src)).size).toBe(2)
    await turn()
    const saved = [...store.positions].map(([key, text]) => [
      key,
      (JSON.parse(text) as { position: number }).position,
    ])
    expect(saved.sort()).toEqual(
      [
        [`labels ${one.url}/xrpc/com.atproto.label.subscribeLabels`, 1029],
        [`labels ${two.url}/xrpc/com.atproto.label.subscribeLabels`, 20],
      ].sort(),
    )
    one.emit(label('news'))
    const [next] = await lastValueFrom(
      labels$({ host, checkpoint: store }).pipe(
        boundedMergeMap((event) => [event]),
        take(3),
        toArray(),
      ),
    ).then((all) => all.filter(({ val }) => val === 'news'))
    expect(next?.seq).toBe(1030)
  })

  it('keeps the checkpoint before an unfinished frame, and a restart emits it again', async () => {
    const frames = [{ labels: [label('a')] }, { labels: [label('b'), label('c'), label('d')] }]
    await using server = await fakeLabels({ events: frames, stored: 'all' })
    const store = memoryCursorStore()
    const config = { host: server.url, cursor: 'oldest', checkpoint: store } as const
    const vals = async (count: number) => {
      const read = await lastValueFrom(labels$(config).pipe(take(count), toArray()))
      await turn()
      return read.map(({ val }) => val).join('')
    }
    expect(await vals(3)).toBe('abc')
    expect(
      [...store.positions.values()].map(
        (text) => (JSON.parse(text) as { position: number }).position,
      ),
    ).toEqual([2])
    expect(await vals(3)).toBe('bcd')
  })

  it('keeps a frame open until each of its labels is let go', async () => {
    await using server = await fakeLabels({
      events: [{ labels: [label('a'), label('b')] }],
      stored: 'all',
    })
    const metrics$ = streamMetrics()
    const holds: Release[] = []
    const subscription = labels$({ host: server.url, cursor: 'oldest', metrics$ }).subscribe(() =>
      holds.push(hold()),
    )
    await server.idle()
    while (holds.length < 2) await turn()
    subscription.unsubscribe()
    expect(metrics$.value).toMatchObject({ events: 1, delivered: 1, open: 1, done: 0 })
    holds[0]?.()
    expect(metrics$.value).toMatchObject({ open: 1, done: 0 })
    holds[1]?.()
    expect(metrics$.value).toMatchObject({ open: 0, done: 1 })
  })

  it('asks a labeler only for its own numbers, and ends if it lacks the method', async () => {
    await using server = await fakeLabels({
      faults: [{ onConnect: 1, do: 'refuse', status: 404, body: '{"error":"Not Found"}' }],
    })
    await expect(lastValueFrom(labels$({ host: server.url }))).rejects.toMatchObject({
      code: 'REFUSED',
      status: 404,
    })
    expect(server.attempts.map(({ url }) => url)).toEqual([
      '/xrpc/com.atproto.label.subscribeLabels',
    ])
  })
})
