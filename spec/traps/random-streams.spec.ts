import { expectFlawlessRun, randomRun } from './random-run.js'

const SEED = Number(process.env.SEED ?? 3)
const CUTS = 12

describe('random runs, cut at any moment and restarted from where they were', () => {
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

  // Fewer, since each life waits for the retries of the Tap.
  const cutsOfTap = 6

  it('tap$ handles all, in order, and nothing again without need', async () => {
    await expectFlawlessRun('tap$', SEED, cutsOfTap)
  }, 60_000)

  it('find a reader of a Tap that acks what it receives', async () => {
    const { wrong } = await randomRun('tap$', SEED, cutsOfTap, 'ack-on-receipt')
    expect(wrong).toContainEqual(expect.stringMatching(/missing/))
  }, 60_000)
})
