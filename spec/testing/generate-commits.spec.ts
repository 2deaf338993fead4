import { hash } from 'node:crypto'
import { fromUint8Array } from '@atcute/car'
import { decode, fromBytes } from '@atcute/cbor'
import { toString as cidText } from '@atcute/cid'
import {
  type CommitBody,
  decodeMessage,
  encodeMessage,
  type FirehoseMessage,
  type FlawedCommits,
  generateCommits,
  opsOf,
} from '../../src/testing/index.js'

const messages = [...generateCommits({ seed: 5, count: 1_500, repos: 20 })]
const commitsOf = (list: readonly FirehoseMessage[]): CommitBody[] =>
  list.flatMap((one) => (one.t === '#commit' ? [one.body] : []))
const commits = commitsOf(messages)

interface Opened {
  readonly root: string | undefined
  readonly blocks: ReadonlyMap<string, Uint8Array>
  /** CIDs whose bytes are others. */
  readonly untrue: readonly string[]
}

function opened({ blocks }: Pick<CommitBody, 'blocks'>): Opened {
  const car = fromUint8Array(fromBytes(blocks))
  const entries = [...car].map(({ cid, bytes }) => ({
    cid: cidText(cid),
    bytes,
    digest: Buffer.from(cid.digest.contents),
  }))
  const untrue = entries
    .filter(({ bytes, digest }) => !hash('sha256', bytes, 'buffer').equals(digest))
    .map(({ cid }) => cid)
  return {
    root: car.roots[0]?.$link,
    blocks: new Map(entries.map(({ cid, bytes }) => [cid, bytes])),
    untrue,
  }
}

describe('generateCommits', () => {
  it('makes the same messages for the same seed', () => {
    const first = [...generateCommits({ seed: 5, count: 200, repos: 20 })]
    expect(first.map((one) => Buffer.from(encodeMessage(one)).toString('hex'))).toEqual(
      messages.slice(0, 200).map((one) => Buffer.from(encodeMessage(one)).toString('hex')),
    )
    expect(encodeMessage(generateCommits({ seed: 6 }).next().value as FirehoseMessage)).not.toEqual(
      encodeMessage(messages[0] as FirehoseMessage),
    )
  })

  it('makes every kind and action, numbered without a gap', () => {
    expect(new Set(messages.map(({ t }) => t))).toEqual(
      new Set(['#commit', '#identity', '#account', '#sync']),
    )
    expect(new Set(commits.flatMap(({ ops }) => ops.map(({ action }) => action)))).toEqual(
      new Set(['create', 'update', 'delete']),
    )
    expect(messages.map(({ body }) => body.seq)).toEqual(messages.map((_, n) => n + 1))
    expect(Math.max(...commits.map(({ ops }) => ops.length))).toBe(3)
  })

  it('puts the commit at the root of its CAR, and every record under its hash', () => {
    for (const body of commits) {
      const { root, blocks, untrue } = opened(body)
      const head = decode(blocks.get(body.commit.$link) ?? new Uint8Array())
      expect([root, untrue, head.did, head.rev, head.version]).toEqual([
        body.commit.$link,
        [],
        body.repo,
        body.rev,
        3,
      ])
      expect(Object.keys(head)).toEqual(['did', 'rev', 'sig', 'data', 'prev', 'version'])
      expect(blocks.has(head.data.$link)).toBe(true)
      expect(body.ops.filter(({ cid }) => cid && !blocks.has(cid.$link))).toEqual([])
    }
  })

  it('chains the commits of each repository, and names what each operation replaces', () => {
    const repos = new Map<string, { rev: string; data: string; records: Map<string, string> }>()
    for (const body of commits) {
      const before = repos.get(body.repo)
      expect([body.since, body.prevData?.$link]).toEqual([before?.rev ?? null, before?.data])
      expect(body.rev > (before?.rev ?? '')).toBe(true)
      const records = before?.records ?? new Map<string, string>()
      for (const { action, path, cid, prev } of body.ops) {
        expect([path, prev?.$link, cid === null]).toEqual([
          path,
          records.get(path),
          action === 'delete',
        ])
        expect(action === 'create').toBe(!records.has(path))
        if (cid === null) records.delete(path)
        else records.set(path, cid.$link)
      }
      repos.set(body.repo, {
        rev: body.rev,
        data: decode(opened(body).blocks.get(body.commit.$link) as Uint8Array).data.$link,
        records,
      })
    }
  })

  it('writes what it is told, for whom it is told', () => {
    const told = [
      ...generateCommits({
        count: 300,
        dids: ['did:plc:a', 'did:web:b.test'],
        collections: { 'com.example.thing': 1 },
        firstSeq: 70,
      }),
    ]
    const ops = told.flatMap(opsOf)
    expect(new Set(ops.map(({ did }) => did))).toEqual(new Set(['did:plc:a', 'did:web:b.test']))
    expect(new Set(ops.map(({ path }) => path.split('/')[0]))).toEqual(
      new Set(['com.example.thing']),
    )
    expect(told[0]?.body.seq).toBe(70)
  })
})

describe('a flaw of generateCommits', () => {
  const flawed = (flaws: readonly FlawedCommits[]) => [
    ...generateCommits({ count: 40, repos: 5, flaws }),
  ]

  it('is there at each multiple, and nowhere else', () => {
    const list = flawed([{ do: 'too-big', every: 10 }])
    expect(
      list.flatMap(({ t, body }, n) =>
        t === '#commit' && (body as CommitBody).tooBig ? [n + 1] : [],
      ),
    ).toEqual([10, 20, 30, 40])
  })

  it.each(['missing-block', 'wrong-block'] as const)(
    'leaves one operation without its record: %s',
    (flaw) => {
      for (const body of commitsOf(flawed([{ do: flaw, every: 1 }]))) {
        const { blocks, untrue } = opened(body)
        const first = body.ops[0]?.cid?.$link ?? ''
        expect([blocks.has(first), untrue]).toEqual(
          flaw === 'missing-block' ? [false, []] : [true, [first]],
        )
        const records = opsOf({ t: '#commit', body }).map(({ record }) => record !== undefined)
        expect(records).toEqual(body.ops.map((_, n) => n > 0))
      }
    },
  )

  it('sends a commit that is too big with nothing but itself', () => {
    for (const body of commitsOf(flawed([{ do: 'too-big', every: 1 }]))) {
      expect([body.tooBig, body.ops, [...opened(body).blocks.keys()]]).toEqual([
        true,
        [],
        [body.commit.$link],
      ])
    }
  })

  it('touches one path twice, or none at all', () => {
    for (const { ops } of commitsOf(flawed([{ do: 'same-path', every: 1 }]))) {
      expect(ops.map(({ action, path }) => [action, path])).toEqual([
        ['create', ops[0]?.path],
        ['delete', ops[0]?.path],
      ])
    }
    expect(commitsOf(flawed([{ do: 'no-ops', every: 1 }])).map(({ ops }) => ops)).toEqual(
      Array.from({ length: 40 }, () => []),
    )
  })

  it('cuts a frame in its middle: nobody can read it, and it holds no operation', () => {
    for (const one of flawed([{ do: 'truncated', every: 1 }])) {
      const frame = encodeMessage(one)
      expect(() => decodeMessage(frame)).toThrow()
      expect([opsOf(one), opsOf(frame)]).toEqual([[], []])
    }
  })
})

describe('opsOf', () => {
  it('answers the same for a message and for its frame', () => {
    for (const one of messages.slice(0, 300)) expect(opsOf(encodeMessage(one))).toEqual(opsOf(one))
  })

  it('answers each operation with its record, in order', () => {
    const ops = messages.flatMap(opsOf)
    expect(ops.map(({ rev, path }) => `${rev} ${path}`)).toEqual(
      commits.flatMap(({ rev, ops: all }) => all.map(({ path }) => `${rev} ${path}`)),
    )
    for (const { action, path, record } of ops)
      expect((record as { $type?: string } | undefined)?.$type).toBe(
        action === 'delete' ? undefined : path.split('/')[0],
      )
  })
})
