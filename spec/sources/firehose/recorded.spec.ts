import { encode } from '@atcute/cbor'
import type { FirehoseEvent } from '../../../src/index.js'
import { describeWith, framesOf, jsonOf, linesOf } from '../../helpers/recordings.js'
import { eventsIn, frameOf, linkTo } from './frames.js'

/** What an independent decoder made of a frame. */
interface Expected {
  readonly seq: number
  readonly t: string
  readonly did: string
  readonly rev: string | null
  readonly ops: readonly {
    readonly action: string
    readonly path: string
    readonly cid: string | null
  }[]
  readonly more: {
    readonly time: string
    readonly commit?: string
    readonly since?: string | null
    readonly prevs?: readonly (string | null)[]
    readonly handle?: string
    readonly active?: boolean
    readonly status?: string
  }
}

const microseconds = (time: string): number => Date.parse(time) * 1000
const present = (members: object): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value != null))

/** The events that the expected line stands for, without their records. */
function eventsFor({ seq, t, did, rev, ops, more }: Expected): readonly object[] {
  const { time, since, commit, handle, active, status } = more
  const envelope = { did, time_us: microseconds(time), cursor: seq, time, kind: t.slice(1) }
  if (t === '#identity') return [{ ...envelope, identity: present({ did, handle, seq, time }) }]
  if (t === '#account')
    return [{ ...envelope, account: present({ active, did, seq, status, time }) }]
  if (t === '#sync')
    return [{ ...envelope, sync: { did, rev, seq, time, blocks: { $bytes: expect.any(String) } } }]
  return ops.map(({ action, path, cid }, index) => {
    const [collection, rkey] = path.split('/')
    return {
      ...envelope,
      commit: present({
        rev,
        operation: action,
        collection,
        rkey,
        cid,
        prev: more.prevs?.[index],
        since,
        commit,
      }),
    }
  })
}

/** An event without its record and what is wrong with that. */
function bare(event: FirehoseEvent): object {
  if (event.kind !== 'commit') return event
  const { record: _record, problem: _problem, ...commit } = event.commit
  return { ...event, commit }
}

const recordsOf = (event: FirehoseEvent) =>
  event.kind === 'commit' && event.commit.operation !== 'delete' ? [event.commit] : []

describe('the frames of a PDS', () => {
  const frames = framesOf('local/firehose_frames.bin')
  const expected = linesOf('local/firehose_frames.expected.ndjson').map(
    (line) => JSON.parse(line) as Expected,
  )

  it('are what an independent decoder made of them, all 72', () => {
    expect(frames).toHaveLength(72)
    expect(frames.map((frame) => eventsIn(frame).map(bare))).toEqual(expected.map(eventsFor))
  })

  it('hold records that have the bytes of their CID, when they are encoded again', () => {
    const commits = frames.flatMap((frame) => eventsIn(frame).flatMap(recordsOf))
    const withRecord = commits.filter(({ problem }) => problem === undefined)
    expect(withRecord).toHaveLength(237)
    for (const { record, cid } of withRecord) expect(linkTo(encode(record)).$link).toBe(cid)
  })

  it('miss a record only where a later operation of the commit writes the same path', () => {
    const missing = frames.flatMap((frame) =>
      eventsIn(frame).filter(
        (event) => event.kind === 'commit' && event.commit.problem !== undefined,
      ),
    )
    expect(missing.map(({ cursor }) => cursor)).toEqual([39, 40, 45])
    for (const { commit } of missing as { commit: object }[]) {
      expect(commit).toMatchObject({
        operation: 'create',
        problem: 'record-missing',
        cid: expect.any(String),
      })
      expect(commit).toHaveProperty('record', undefined)
    }
  })
})

interface Scenario {
  readonly messages: readonly {
    readonly frame: {
      readonly header: { readonly op: number; readonly t: string }
      readonly body: Body
    }
  }[]
}
type Body = {
  readonly ops?: readonly object[] | null
  readonly seq: number
  readonly repo?: string
  readonly did?: string
}

const SCENARIOS = [
  'account_lifecycle',
  'deactivation',
  'legacy',
  'post_lifecycle',
  'post_lifecycle_legacy',
  'rev_ordering',
  'seq_ordering',
]
const COMMITS = ['4621317030', '4621317332', '4621332152', '4623075231']
const scenarioFile = (name: string) => `firehose/relay_scenario_${name}.json`
const commitFile = (seq: string) => `firehose/indigo_commit_${seq}.json`
const RELAYS = [...SCENARIOS.map(scenarioFile), ...COMMITS.map(commitFile)]

describeWith(RELAYS, 'the frames of relays', () => {
  const scenario = (name: string) => jsonOf<Scenario>(scenarioFile(name)).messages
  const bodies = [
    ...SCENARIOS.flatMap(scenario).map(({ frame }) => ({ t: frame.header.t, body: frame.body })),
    ...COMMITS.map((seq) => ({ t: '#commit', body: jsonOf<Body>(commitFile(seq)) })),
  ]

  it('are one event for each operation, each with the record of its CID', () => {
    expect(bodies.length).toBeGreaterThan(30)
    for (const { t, body } of bodies) {
      const events = eventsIn(frameOf(t, body))
      expect(events).toHaveLength(t === '#commit' ? (body.ops?.length ?? 0) : 1)
      for (const event of events)
        expect(event).toMatchObject({
          cursor: body.seq,
          did: body.repo ?? body.did,
          kind: t.slice(1),
        })
      for (const { record, cid, problem } of events.flatMap(recordsOf)) {
        expect(problem).toBeUndefined()
        expect(linkTo(encode(record)).$link).toBe(cid)
      }
    }
  })
})
