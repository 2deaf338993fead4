import { expectFlawlessRun, randomRun } from './random-run.js'

const SEED = Number(process.env.SEED ?? 3)
const CUTS = 12

describe('random runs, cut at any moment and restarted from the store', () => {
  it.each([
    'firehose$ of a PDS',
    'firehose$ of a relay',
    'firehose$, renumbered',
    'labels$',
    'listRepos$ of a relay',
    'listRepos$ of a PDS',
  ])(
    '%s handles all, in order, and nothing again without need',
    (name) => expectFlawlessRun(name, SEED, CUTS),
    60_000,
  )

  it.each([
    ['whose work nobody holds', 'none-held', /missing/],
    ['that keeps no order', 'no-order', /out of order/],
    ['whose store forgets', 'forgets-saves', /repeated in one life/],
  ] as const)(
    'find a reader %s',
    async (_, defect, says) => {
      const { wrong } = await randomRun('firehose$ of a PDS', SEED, CUTS, defect)
      expect(wrong).toContainEqual(expect.stringMatching(says))
    },
    60_000,
  )
})
