import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JetstreamEvent } from '../../src/index.js'
import { fakeJetstream } from '../../src/testing/index.js'
import { first, watched } from './watched.js'

const SHARED = join(__dirname, '../../../shared')
const DATA = join(SHARED, 'data')
const has = existsSync(DATA)
if (!has) {
  if (process.env.CI === 'true' && existsSync(SHARED)) throw new Error(`${SHARED} is here, but not its data`)
  process.stderr.write('skipped: ../shared/data is not here, so no recorded event is replayed\n')
}
const recorded = has ? describe : describe.skip

const linesOf = (file: string): readonly string[] =>
  has
    ? readFileSync(join(DATA, file), 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
    : []

/** Every event in a tree of examples. */
function eventsIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return []
  return 'did' in value && 'time_us' in value ? [value] : Object.values(value).flatMap(eventsIn)
}

/** Sends the lines byte for byte, and answers what came of them. */
async function replay(lines: readonly string[]) {
  const marker = JSON.stringify({
    did: 'did:plc:end',
    time_us: 2_000_000_000_000_000,
    kind: 'identity',
    identity: { did: '', seq: 1, time: '' },
  })
  await using server = await fakeJetstream({ events: [...lines, marker] })
  const source = watched(server)
  const delivered: JetstreamEvent[] = []
  const subscription = source.events$.subscribe((event) => delivered.push(event))
  await source.when(({ frames }) => frames === lines.length + 1)
  subscription.unsubscribe()
  expect(server.connections).toHaveLength(1)
  expect(delivered.pop()).toEqual(JSON.parse(marker))
  return { delivered, rejects: source.rejects, metrics: source.metrics }
}

recorded('recorded events', () => {
  it.each([
    ['jetstream/real_v1.ndjson', 191],
    ['simulator/v1.ndjson', 417],
    ['jetstream/golden_v1_20260525.jsonl', undefined],
    ['jetstream/real_v1_unattributed.ndjson', undefined],
  ])('of %s come through unchanged, all of them', async (file, count) => {
    const lines = linesOf(file)
    expect(lines.length).toBeGreaterThan(0)
    if (count !== undefined) expect(lines).toHaveLength(count)
    const { delivered, rejects } = await replay(lines)
    expect(rejects.map(({ error, frame }) => [error.message, frame])).toEqual([])
    expect(delivered).toEqual(lines.map((line) => JSON.parse(line)))
  })

  it.each(['jetstream/handmade.ndjson', 'jetstream/real_v1_2024_type_shape.ndjson', 'derived/v1_from_cars.ndjson'])(
    'of %s are delivered unchanged or are one reject each: none is lost, and the stream goes on',
    async (file) => {
      const lines = linesOf(file)
      expect(lines.length).toBeGreaterThan(0)
      const { delivered, rejects } = await replay(lines)
      const rejected = new Set(rejects.map(({ frame }) => frame))
      expect(delivered.length + rejects.length).toBe(lines.length)
      expect(delivered).toEqual(lines.filter((line) => !rejected.has(line.slice(0, 65_536))).map((line) => JSON.parse(line)))
    },
  )

  it('of jetstream/real_v1_reformatted.ndjson come through unchanged, but for those in the shape of 2024: each is a reject', async () => {
    const lines = linesOf('jetstream/real_v1_reformatted.ndjson')
    const { delivered, rejects } = await replay(lines)
    const isOld = (line: string) => !('kind' in (JSON.parse(line) as object))
    expect(rejects.map(({ frame }) => frame)).toEqual(lines.filter(isOld))
    expect(delivered).toEqual(lines.filter((line) => !isOld(line)).map((line) => JSON.parse(line)))
  })

  it('in both shapes of October 2024 are delivered as they are', async () => {
    if (!has) return
    const examples: unknown = JSON.parse(readFileSync(join(DATA, 'jetstream/examples_redacted_oct2024_dual_shape.json'), 'utf8'))
    const events = eventsIn(examples)
    expect(events.length).toBeGreaterThan(3)
    const { delivered, rejects } = await replay(events.map((event) => JSON.stringify(event)))
    expect(rejects).toEqual([])
    expect(delivered).toEqual(events)
  })

  it('come once each when the connection is cut after every twentieth', async () => {
    const lines = linesOf('jetstream/real_v1.ndjson')
    const sorted = [...lines].sort((a, b) => JSON.parse(a).time_us - JSON.parse(b).time_us)
    await using server = await fakeJetstream({ events: sorted, faults: [{ after: 20, times: 9, do: 'drop' }] })
    const source = watched(server)
    expect(await first(sorted.length, source.events$)).toEqual(sorted.map((line) => JSON.parse(line)))
    expect(server.fired).toHaveLength(9)
  })
})
