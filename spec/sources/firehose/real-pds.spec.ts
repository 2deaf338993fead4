import { encode } from '@atcute/cbor'
import { lastValueFrom, takeWhile, toArray } from 'rxjs'
import {
  type FirehoseCommitEvent,
  type FirehoseConfig,
  type FirehoseEvent,
  firehose$,
  type Gap,
  type RejectedFrame,
  streamMetrics,
} from '../../../src/index.js'
import { faultProxy } from '../../../src/testing/index.js'
import { expectBalanced, first } from '../../helpers/streams.js'
import { linkTo } from './frames.js'

// A PDS that is being written to: PDS_URL=ws://localhost:2583 npx jest
// spec/sources/firehose/real-pds
const { PDS_URL } = process.env

function describeReal(name: string, body: (host: string) => void): void {
  if (PDS_URL !== undefined) describe(name, () => body(PDS_URL))
  else
    describe(name, () =>
      it.skip('(needs PDS_URL, a PDS that is being written to)', () => undefined),
    )
}

function watched(config: FirehoseConfig) {
  const [gaps, rejects]: [Gap[], RejectedFrame[]] = [[], []]
  const metrics$ = streamMetrics()
  const observers = {
    gaps: { next: (gap: Gap) => gaps.push(gap) },
    rejects: { next: (reject: RejectedFrame) => rejects.push(reject) },
  }
  return { events$: firehose$({ ...config, ...observers, metrics$ }), gaps, rejects, metrics$ }
}

const lineOf = (event: FirehoseEvent): string =>
  event.kind === 'commit'
    ? `${event.cursor} ${event.commit.collection}/${event.commit.rkey} ${event.commit.operation}`
    : `${event.cursor} ${event.kind}`

describeReal('the firehose of a real PDS', (host) => {
  it('comes whole, with the record of every CID', async () => {
    const { events$, gaps, rejects, metrics$ } = watched({ host, cursor: 'oldest' })
    const events = await first(100, events$)
    for (const { cursor, time_us, commit } of events as readonly (FirehoseEvent &
      Partial<Pick<FirehoseCommitEvent, 'commit'>>)[]) {
      expect([cursor, time_us].every((number) => number > 0)).toBe(true)
      if (commit !== undefined && commit.operation !== 'delete')
        expect(linkTo(encode(commit.record)).$link).toBe(commit.cid)
    }
    expect([gaps, rejects]).toEqual([[], []])
    expectBalanced(metrics$.value)
  }, 60_000)

  it('comes once each over cuts, as it does without', async () => {
    const whole = await first(100, watched({ host, cursor: 'oldest' }).events$)
    const last = whole.at(-1)?.cursor ?? 0
    await using proxy = await faultProxy({ target: PDS_URL ?? '', resetAfterBytes: 30_000 })
    const { events$, gaps } = watched({
      host: proxy.url,
      cursor: 'oldest',
      reconnect: { initialDelayMs: 10, jitter: 'none' },
    })
    const cut = await lastValueFrom(
      events$.pipe(
        takeWhile(({ cursor }) => cursor < last),
        toArray(),
      ),
    )
    expect(cut.map(lineOf)).toEqual(whole.filter(({ cursor }) => cursor < last).map(lineOf))
    expect(proxy.fired.length).toBeGreaterThan(0)
    expect(gaps).toEqual([])
  }, 60_000)

  it('is asked for a place in its future, and says so', async () => {
    const { events$, gaps } = watched({ host, cursor: 1_000_000_000, onCursorRefused: 'live' })
    const [event] = await first(1, events$)
    expect(event?.cursor).toBeGreaterThan(0)
    expect(gaps).toEqual([expect.objectContaining({ from: 1_000_000_000, reason: 'renumbered' })])
  }, 60_000)
})
