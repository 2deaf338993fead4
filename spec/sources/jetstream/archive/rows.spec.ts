import { gunzipSync } from 'node:zlib'
import type { JetstreamEvent } from '../../../../src/index.js'
import { bytesOf, describeWith } from '../../../helpers/recordings.js'
import { describePlainRecord } from '../../describe-plain-record.js'
import { blocksOf, eventsOf, eventsOfFrames } from './read-segment.js'

const linesIn = (file: string): readonly string[] =>
  gunzipSync(bytesOf(file)).toString().split('\n').filter(Boolean)

const rowsOf = async (file: string): Promise<readonly JetstreamEvent[]> =>
  (await blocksOf(bytesOf(file))).flatMap(eventsOf)

/** The socket never sends a record that holds a float, such as 3.0: its seq is a hole there. */
const isFloat = (event: JetstreamEvent): boolean =>
  event.kind === 'commit' && event.commit.collection === 'com.example.rich.float'

/** Equal members, in the same order. */
function expectSame(rows: readonly JetstreamEvent[], frames: readonly JetstreamEvent[]): void {
  const bySeq = new Map(frames.map((event) => [event.cursor, JSON.stringify(event)]))
  const inBoth = rows.filter(({ cursor }) => bySeq.has(cursor))
  for (const event of inBoth) expect(JSON.stringify(event)).toBe(bySeq.get(event.cursor))
  expect(inBoth.length).toBe(frames.length)
  const others = rows.filter(({ cursor }) => !bySeq.has(cursor))
  expect(others.filter((event) => !isFloat(event))).toEqual([])
}

describe('the rows of a segment', () => {
  it('are the events that the socket sends, members in their order', async () => {
    const rows = await rowsOf('archive/small/a/seg_000000000a.jss')
    expectSame(rows, eventsOfFrames(linesIn('archive/small/expected-seg-a.ndjson.gz')))
    expect(rows).toHaveLength(640)
    const kinds = new Set(rows.map(({ kind }) => kind))
    expect(kinds).toEqual(new Set(['commit', 'identity', 'account', 'sync']))
  })

  it('are a part of them after a compaction', async () => {
    const before = await rowsOf('archive/small/a/seg_000000000a.jss')
    const after = await rowsOf('archive/small/b/seg_000000000a.jss')
    const bySeq = new Map(before.map((event) => [event.cursor, event]))
    expect(after.length).toBeLessThan(before.length)
    for (const event of after) expect(event).toEqual(bySeq.get(event.cursor))
  })
})

const SMALL = ['a', 'b', 'late'] as const
const NAMES: Readonly<Record<string, readonly [first: number, last: number]>> = {
  a: [0, 14],
  b: [0, 15],
  late: [16, 18],
}
const nameOf = (index: number): string => `seg_${index.toString(36).padStart(10, '0')}.jss`

describe.each(SMALL)('the recorded archive %s', (state) => {
  const [first, last] = NAMES[state] ?? [0, 0]
  const files = Array.from(
    { length: last - first + 1 },
    (_, index) => `archive/small/${state}/${nameOf(first + index)}`,
  )
  const expected = `archive/small/expected-${state}.ndjson.gz`
  describeWith([...files, expected], 'whole', () => {
    it('has the events that the socket sends', async () => {
      const rows = (await Promise.all(files.map(rowsOf))).flat()
      const tip = rows.at(-1)?.cursor ?? 0
      const from = rows[0]?.cursor ?? 0
      const frames = eventsOfFrames(linesIn(expected)).filter(
        ({ cursor = 0 }) => cursor >= from && cursor <= tip,
      )
      expectSame(rows, frames)
    })
  })
})

describeWith(
  [
    'archive/default/seg_0000000000.jss',
    'archive/default/seg_0000000001.jss',
    'archive/default/expected.ndjson.gz',
  ],
  'an archive of the sizes of the servers',
  () => {
    it('has the events that the socket sends', async () => {
      const rows = [
        ...(await rowsOf('archive/default/seg_0000000000.jss')),
        ...(await rowsOf('archive/default/seg_0000000001.jss')),
      ]
      expectSame(rows, eventsOfFrames(linesIn('archive/default/expected.ndjson.gz')))
    })
  },
)

describeWith(['archive/upstream/golden_corpus_segment.jss'], 'the real records', () => {
  it('have the CIDs that their repository gives them', async () => {
    const rows = await rowsOf('archive/upstream/golden_corpus_segment.jss')
    const cids = new Map(
      bytesOf('car/jcalabro_repo_20260704.expected_records.tsv')
        .toString()
        .split('\n')
        .map((line) => line.split('\t'))
        .map(([path = '', cid = '']) => [path, cid] as const),
    )
    expect(rows).toHaveLength(23)
    for (const event of rows) {
      const commit = event.kind === 'commit' ? event.commit : undefined
      expect(commit?.cid).toBe(cids.get(`${commit?.collection}/${commit?.rkey}`))
    }
  })
})

describePlainRecord('the archive', async () => {
  const firstOf = async () =>
    (await rowsOf('archive/small/a/seg_000000000a.jss')).find(
      (row) => row.kind === 'commit' && row.commit.operation === 'create',
    )
  return { lazy: await firstOf(), parsed: JSON.parse(JSON.stringify(await firstOf())) } as never
})
