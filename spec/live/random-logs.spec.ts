import * as fc from 'fast-check'
import { type Kind, LogModel, ReaderModel, type Step } from './log-model.js'

const KINDS = ['v2', 'v1', 'legacy', 'relay'] as const satisfies readonly Kind[]
const RUNS = { numRuns: 400, seed: 11 }

const append = fc.record({
  do: fc.constant('append' as const),
  wanted: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
  everyMs: fc.constantFrom(1, 200, 1500),
})
const read = fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 15 }) })
const cut = fc.record({ do: fc.constantFrom('cut' as const, 'restart' as const) })
const crash = fc.record({
  do: fc.constant('crash' as const),
  lose: fc.integer({ min: 1, max: 8 }),
  others: fc.integer({ min: 0, max: 3 }),
})
const compact = fc.record({
  do: fc.constant('compact' as const),
  every: fc.integer({ min: 2, max: 9 }),
})
const expire = fc.record({
  do: fc.constant('expire' as const),
  keep: fc.integer({ min: 1, max: 10 }),
})

const wipe = fc.constant({ do: 'wipe' as const })
const filter = fc.constant({ do: 'filter' as const })

const steps = (...special: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: append as fc.Arbitrary<Step> },
      { weight: 4, arbitrary: read },
      { weight: 2, arbitrary: cut },
      ...special,
    ),
    {
      minLength: 4,
      maxLength: 30,
    },
  )

const NO_LIMITS = { unsealed: 0, rowsPerConnection: Number.POSITIVE_INFINITY }

/** Runs the steps, then lets the stream come to the end of the log. */
function run(kind: Kind, script: readonly Step[], before = script.length, limits = NO_LIMITS) {
  const log = new LogModel(kind, limits.unsealed)
  const reader = new ReaderModel(log, 'oldest', limits.rowsPerConnection)
  const wanted = new Set<string>()
  const expired = new Set<string>()
  const note = () => {
    for (const row of log.rows) if (row.wanted) wanted.add(row.id)
  }
  log.append(
    Array.from({ length: 30 }, (_, index) => index % 3 !== 1),
    700,
  )
  reader.read(before)
  for (const step of script) {
    note()
    const before = [...log.rows]
    reader.take(step)
    if (step.do === 'expire' || step.do === 'compact' || step.do === 'wipe')
      for (const { id } of before) if (!log.rows.some((row) => row.id === id)) expired.add(id)
  }
  // A server is live after a number of its future: what comes then shows that it went back.
  for (let n = 0; n < 2; n++) {
    log.append([true, true], 100)
    note()
    reader.read(10_000)
  }
  const missing = [...wanted].filter((id) => !reader.seen.has(id))
  return { reader, missing, lost: missing.filter((id) => !expired.has(id)) }
}

describe.each(KINDS)('a stream over a random log of the kind %s', (kind) => {
  it('has every event that the server kept, over crashes, renumbering and expiry', () => {
    fc.assert(
      fc.property(
        steps(crash, ...(kind === 'v2' || kind === 'v1' ? [compact] : []), expire, wipe, filter),
        (script) => {
          const { lost } = run(kind, script)
          expect(lost).toEqual([])
        },
      ),
      RUNS,
    )
  })

  it('reaches the end also if each connection brings three rows, and times repeat', () => {
    const limits = fc.record({
      unsealed: fc.integer({ min: 0, max: 20 }),
      rowsPerConnection: fc.integer({ min: 3, max: 6 }),
    })
    const all = steps(crash, ...(kind === 'v2' || kind === 'v1' ? [compact] : []), wipe, filter)
    fc.assert(
      fc.property(all, limits, (script, limits) => {
        expect(run(kind, script, script.length, limits).lost).toEqual([])
      }),
      RUNS,
    )
  })

  it('reports no gap where the server only cut the connection, or removed single rows', () => {
    fc.assert(
      fc.property(steps(filter, ...(kind === 'legacy' ? [] : [compact])), (script) => {
        const { reader } = run(kind, script)
        expect(reader.gaps).toEqual([])
        // After a restart of the program the event at the checkpoint comes again.
        if (!script.some((step) => step.do === 'restart'))
          expect(reader.deliveries).toBe(reader.seen.size)
      }),
      RUNS,
    )
  })

  it('reports a gap where rows expired, or the log was made anew, before they were read', () => {
    fc.assert(
      fc.property(steps(expire, wipe, filter), (script) => {
        const { missing, reader } = run(kind, script)
        if (missing.length > 0) expect(reader.gaps).not.toEqual([])
        if (missing.length > 0 && !script.some((step) => step.do === 'wipe'))
          expect(reader.gaps.map(({ reason }) => reason)).toContain('cursor-too-old')
      }),
      RUNS,
    )
  })
})

describe('a stream over a legacy server that is killed hard', () => {
  it('reports no gap if the process holds older events: unsynced ones are sent again', () => {
    fc.assert(
      fc.property(steps(crash), (script) => {
        const oneProcess = script.filter((step) => step.do !== 'restart')
        expect(run('legacy', oneProcess, 16).reader.gaps).toEqual([])
      }),
      RUNS,
    )
  })
})
