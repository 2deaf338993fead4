import { lastValueFrom, takeWhile, toArray } from 'rxjs'
import { matcher } from '../../../../src/atproto/filters.js'
import {
  type Gap,
  isLive,
  type JetstreamConfig,
  type JetstreamEvent,
  type JetstreamFilters,
  jetstream$,
} from '../../../../src/index.js'
import { describeWith, jsonOf, linesOf } from '../../../helpers/recordings.js'
import { eventsOfFrames } from './read-segment.js'
import {
  askedBy,
  EXCHANGES,
  expectSame,
  framesOf,
  plans,
  type RecordedServerOptions,
  recordedServer,
  type SocketAnswer,
} from './recorded-server.js'

const LIKES: JetstreamFilters = { collections: ['app.bsky.feed.like'], kinds: ['commit'] }
// A plan is coarse: that of everything does for every filter.
const everything = (state: string) =>
  plans.find((one) => one.state === state && one.request.body === '{}')?.json ?? {}

/** Reads from the oldest event on, up to the last one that the socket sends. */
async function readThrough(
  options: RecordedServerOptions,
  last: JetstreamEvent | undefined,
  config: Partial<JetstreamConfig> = {},
) {
  await using server = await recordedServer(options)
  const gaps: Gap[] = []
  const events = await lastValueFrom(
    jetstream$({
      host: server.host,
      archive: true,
      cursor: 'oldest',
      compress: false,
      log: false,
      reconnect: { initialDelayMs: 1, maxDelayMs: 1 },
      gaps: { next: (gap) => gaps.push(gap) },
      ...config,
    }).pipe(
      takeWhile(({ cursor }) => cursor !== last?.cursor, true),
      toArray(),
    ),
  )
  expect(gaps).toEqual([])
  return { events, cursors: server.cursors }
}

/** Each event once: first those of the archive, then those of the socket, without its repeats. */
function expectCutOver(
  events: readonly JetstreamEvent[],
  history: readonly JetstreamEvent[],
  live: readonly JetstreamEvent[],
): void {
  expectSame(events, [...history, ...live])
  const atTip = events.findIndex(isLive)
  expect(events.slice(atTip).every(isLive)).toBe(true)
  expect(events.slice(atTip)).toHaveLength(live.length)
}

const CUT_OVERS = [
  ['where the event at the tip comes again', 'a', 8158, 'cutover-a', {}],
  ['where a filter hides the event at the tip', 'a', 8158, 'cutover-a-likes', LIKES],
  ['after a compaction', 'b', 8558, 'cutover-b', {}],
] as const
const LATE = 'archive/small/cutover-late.json'
const FILES = CUT_OVERS.map(([, , , name]) => `archive/small/${name}.ndjson`)

describeWith([EXCHANGES, ...FILES, LATE], 'the recorded cut-over', () => {
  it.each(CUT_OVERS)(
    'is without a hole, a repeat or a gap %s',
    async (_, state, tip, name, filters) => {
      const frames = linesOf(`archive/small/${name}.ndjson`)
      const asked = JSON.stringify(askedBy(JSON.stringify(filters)))
      const morePlans = [[asked, everything(state)]] as const
      const socket = { [tip]: { frames } }
      const live = eventsOfFrames(frames).filter(({ cursor = 0 }) => cursor > tip)
      const wants = matcher(filters)
      const history = framesOf(state).filter((event) => (event.cursor ?? 0) <= tip && wants(event))
      const { events, cursors } = await readThrough(
        { state, morePlans, socket },
        live.at(-1),
        filters as Partial<JetstreamConfig>,
      )
      expect(live.length).toBeGreaterThan(50)
      expectCutOver(events, history, live)
      expect(cursors).toEqual([[String(tip), 101]])
    },
  )

  it('reads what was sealed meanwhile where the socket has moved on', async () => {
    const [refused, plan, open] = jsonOf<readonly LateExchange[]>(LATE)
    const frames = open?.frames ?? []
    const live = eventsOfFrames(frames).filter(({ cursor = 0 }) => cursor > 9901)
    const { events, cursors } = await readThrough(
      {
        state: 'b',
        files: ['b', 'late'],
        morePlans: [[plan?.request.body ?? '', plan?.json ?? {}]],
        socket: {
          8558: { status: refused?.status ?? 0, json: refused?.json ?? {} },
          9901: { frames },
        } satisfies Record<string, SocketAnswer>,
      },
      live.at(-1),
    )
    const before = framesOf('b').filter(({ cursor = 0 }) => cursor <= 8558)
    const late = framesOf('late').filter(({ cursor = 0 }) => cursor > 8558 && cursor <= 9901)
    expectCutOver(events, [...before, ...late], live)
    expect(cursors).toEqual([
      ['8558', 400],
      ['9901', 101],
    ])
  })
})

interface LateExchange {
  readonly request: { readonly body?: string }
  readonly status: number
  readonly json?: object
  readonly frames?: readonly string[]
}
