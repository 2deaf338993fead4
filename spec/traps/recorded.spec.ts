import type { JetstreamEvent } from '../../src/index.js'
import { fakeJetstream } from '../../src/testing/index.js'
import { itWith, jsonOf, linesOf, present } from '../helpers/recordings.js'
import { first, watched } from './watched.js'

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

// How many lines: a file that lost some would say nothing.
const WHOLE: Readonly<Record<string, number>> = {
  'simulator/v1.ndjson': 417,
  'jetstream/real_v1.ndjson': 191,
  'jetstream/golden_v1_20260525.jsonl': 10,
}
const SHAPES_OF_2024 = 'jetstream/examples_redacted_oct2024_dual_shape.json'
const REFORMATTED = 'jetstream/real_v1_reformatted.ndjson'
const ODD = [
  'jetstream/handmade.ndjson',
  'jetstream/real_v1_2024_type_shape.ndjson',
  'derived/v1_from_cars.ndjson',
]

describe('recorded events', () => {
  it.each(present(...Object.keys(WHOLE), 'jetstream/real_v1_unattributed.ndjson'))(
    'of %s come through unchanged, all of them',
    async (file) => {
      const lines = linesOf(file)
      expect(lines).toHaveLength(WHOLE[file] ?? lines.length)
      expect(lines.length).toBeGreaterThan(0)
      const { delivered, rejects } = await replay(lines)
      expect(rejects.map(({ error, frame }) => [error.message, frame])).toEqual([])
      expect(delivered).toEqual(lines.map((line) => JSON.parse(line)))
    },
  )

  it.each(['simulator/v1.ndjson', ...present(...ODD)])(
    'of %s, one in seven broken, are delivered unchanged or one reject each; the stream goes on',
    async (file) => {
      const lines = linesOf(file).map((line, index) =>
        index % 7 === 3 ? line.slice(0, -1 - (index % 40)) : line,
      )
      expect(lines.length).toBeGreaterThan(0)
      const { delivered, rejects } = await replay(lines)
      const rejected = new Set(rejects.map(({ frame }) => frame))
      expect(rejects.length).toBeGreaterThanOrEqual(Math.floor(lines.length / 7))
      expect(delivered.length + rejects.length).toBe(lines.length)
      expect(delivered).toEqual(
        lines
          .filter((line) => !rejected.has(line.slice(0, 65_536)))
          .map((line) => JSON.parse(line)),
      )
    },
  )

  itWith(
    [REFORMATTED, SHAPES_OF_2024],
    'in the shape of 2024 are a reject each, and in both shapes are delivered as they are',
    async () => {
      const lines = linesOf(REFORMATTED)
      const isOld = (line: string) => !('kind' in (JSON.parse(line) as object))
      const reformatted = await replay(lines)
      expect(reformatted.rejects.map(({ frame }) => frame)).toEqual(lines.filter(isOld))
      expect(reformatted.delivered).toEqual(
        lines.filter((line) => !isOld(line)).map((line) => JSON.parse(line)),
      )
      const events = eventsIn(jsonOf(SHAPES_OF_2024))
      expect(events.length).toBeGreaterThan(3)
      const { delivered, rejects } = await replay(events.map((event) => JSON.stringify(event)))
      expect(rejects).toEqual([])
      expect(delivered).toEqual(events)
    },
  )

  it.each([
    // A server that numbers its events.
    { file: 'simulator/v1.ndjson', server: 'v2' },
    ...present('jetstream/real_v1.ndjson').map((file) => ({ file, server: 'legacy' }) as const),
  ] as const)(
    'of $file come once each when the connection is cut after every twentieth',
    async ({ file, server: style }) => {
      const lines = linesOf(file)
      const events =
        style === 'v2'
          ? lines
          : [...lines].sort((a, b) => JSON.parse(a).time_us - JSON.parse(b).time_us)
      await using server = await fakeJetstream({
        server: style,
        events,
        faults: [{ after: 20, times: 9, do: 'drop' }],
      })
      const source = watched(server)
      expect(await first(events.length, source.events$)).toEqual(
        events.map((line) => JSON.parse(line)),
      )
      expect(server.fired).toHaveLength(9)
    },
  )
})
