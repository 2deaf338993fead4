import { readFileSync } from 'node:fs'
import { EMPTY } from 'rxjs'
import {
  boundedBatchMap,
  boundedMergeMap,
  ConfigError,
  firehose$,
  ingest,
  jetstream$,
  labels$,
  listRepos$,
  memoryCursorStore,
  run,
  tap$,
  tapAdmin,
  tapRepos$,
} from '../../src/index.js'
import { redisCursorStore, redisStream$, toRedisStream } from '../../src/redis.js'

const client = {
  isOpen: true,
  on: () => client,
  duplicate: () => client,
  sendCommand: async () => null,
} as never
const reading = { client, stream: 's', group: 'g', consumer: 'c' }
const store = memoryCursorStore()
const backoff = ['initialDelayMs', 'maxDelayMs']
const within = (option: string, names: readonly string[]) =>
  names.map((name) => `${option}.${name}`)
const live = ['connectTimeoutMs', 'idleTimeoutMs', 'pauseCloseMs', ...within('reconnect', backoff)]

type Call = (options: object) => unknown

/** Everything that waits, with each of its options that is a time of a timer. */
const WAITING: readonly (readonly [string, Call, readonly string[]])[] = [
  ['jetstream$', jetstream$, [...live, 'checkpoint.everyMs', 'filterChangesEveryMs']],
  ['firehose$', firehose$, [...live, 'checkpoint.everyMs']],
  ['labels$', (o) => labels$({ host: 'a.test', ...o }), [...live, 'checkpoint.everyMs']],
  ['tap$', tap$, live],
  ['tapAdmin', tapAdmin, ['timeoutMs']],
  ['tapRepos$', (o) => tapRepos$({ dids: ['did:web:a.test'], ...o }), ['timeoutMs', 'everyMs']],
  ['listRepos$', listRepos$, ['timeoutMs', 'checkpoint.everyMs', ...within('reconnect', backoff)]],
  ['boundedMergeMap', (o) => boundedMergeMap(() => [], o), ['slowAfterMs']],
  ['boundedBatchMap', (o) => boundedBatchMap(() => [], o), ['maxWaitMs', 'slowAfterMs']],
  [
    'ingest',
    (o) => ingest({}, o),
    ['timeoutMs', 'drainMs', 'slowAfterMs', ...within('backoff', backoff)],
  ],
  ['run', (o) => run(EMPTY, {}, { log: false, ...o }), ['timeoutMs', 'drainMs']],
  [
    'redisStream$',
    (o) => redisStream$({ ...reading, ...o }),
    [
      ...['blockMs', 'claimIdleMs', 'leaseMs', 'lingerMs'],
      ...within('backoff', backoff),
      ...within('reconnect', backoff),
    ],
  ],
  [
    'toRedisStream',
    (o) => toRedisStream({ client, stream: 's', ...o }),
    ['maxWaitMs', 'checkEveryMs', 'timeoutMs', ...within('backoff', backoff)],
  ],
  ['redisCursorStore', (o) => redisCursorStore(client, o), ['timeoutMs']],
]

const CASES = WAITING.flatMap(([name, call, options]) =>
  options.map((option) => [name, option, call] as const),
)

function optionsWith(option: string, value: number): object {
  const [outer = '', inner] = option.split('.')
  if (inner === undefined) return { [outer]: value }
  return { [outer]: { ...(outer === 'checkpoint' ? { store } : {}), [inner]: value } }
}

function mistakesOf(call: () => unknown): readonly string[] {
  try {
    call()
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ option, message }) => `${option} ${message}`)
  }
}

describe('a time that no timer can wait, which would fire at once,', () => {
  it.each(CASES)('is refused by %s as `%s`', (_, option, call) => {
    expect(mistakesOf(() => call(optionsWith(option, 3e9)))).toEqual([
      `${option} must be at most 2147483647, not 3000000000`,
    ])
    expect(mistakesOf(() => call(optionsWith(option, Number.POSITIVE_INFINITY)))).toHaveLength(1)
    expect(mistakesOf(() => call(optionsWith(option, 2 ** 31 - 1)))).toEqual([])
  })

  it('is looked for in every option in milliseconds that the package has', () => {
    const reports = ['index', 'redis'].map((name) =>
      readFileSync(new URL(`../../api/${name}.api.md`, import.meta.url), 'utf8'),
    )
    const named = reports.flatMap((text) =>
      [...text.matchAll(/(\w+Ms)\?: number/g)].map(([, name = '']) => name),
    )
    const covered = new Set(CASES.map(([, option]) => option.replace(/^.*\./, '')))
    // What a server said, what is only compared, and what may be Infinity: see below.
    const others = [
      ...['retryAfterMs', 'failAfterMs', 'maxLagMs', 'withinMs'],
      ...['refusedForMs', 'silentTimeoutMs', 'blindTimeoutMs'],
    ]
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((name) => !covered.has(name) && !others.includes(name))).toEqual([])
  })

  it('is refused where Infinity means no timer, which is taken', () => {
    const mistakes = (silentTimeoutMs: number) => mistakesOf(() => tap$({ silentTimeoutMs }))
    expect(mistakes(3e9)).toEqual([
      'silentTimeoutMs must be a number of milliseconds from 1 to 2147483647, ' +
        'or Infinity, not 3000000000',
    ])
    expect(mistakes(Number.POSITIVE_INFINITY)).toEqual([])
  })

  it('may be how long a failing checkpoint is borne, for ever too', () => {
    for (const failAfterMs of [3e9, Number.POSITIVE_INFINITY])
      expect(mistakesOf(() => jetstream$({ checkpoint: { store, failAfterMs } }))).toEqual([])
  })
})
