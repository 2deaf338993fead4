import { type CidLinkWrapper, encode, toBytes } from '@atcute/cbor'
import {
  type FirehoseEvent,
  FrameError,
  isAccount,
  isCommit,
  isCreate,
  isDelete,
  isIdentity,
  isUpdate,
} from '../../../src/index.js'
import {
  carOf,
  commitBody,
  commitFrame,
  commitsIn,
  DID,
  eventsIn,
  frameOf,
  identityFrame,
  linkTo,
  read,
  T0,
  timeOf,
  type WrittenOp,
} from './frames.js'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'
const old = linkTo(encode({ text: 'old' }))

const OPS: readonly WrittenOp[] = [
  { action: 'create', path: `${POST}/a`, record: { text: 'a' } },
  { action: 'update', path: `${LIKE}/b`, record: { text: 'b' }, prev: old },
  { action: 'delete', path: `${POST}/c`, prev: old },
]

describe('a commit', () => {
  it('is one event for each operation, in its order, with what the wire says', () => {
    const commits = commitsIn(commitFrame(7, OPS, { since: 'rev6' }))
    const shared = { rev: 'rev7', since: 'rev6', commit: expect.stringMatching(/^bafyrei/) }
    expect(commits).toEqual([
      {
        ...shared,
        operation: 'create',
        collection: POST,
        rkey: 'a',
        record: { text: 'a' },
        cid: linkTo(encode({ text: 'a' })).$link,
      },
      {
        ...shared,
        operation: 'update',
        collection: LIKE,
        rkey: 'b',
        record: { text: 'b' },
        cid: linkTo(encode({ text: 'b' })).$link,
        prev: old.$link,
      },
      { ...shared, operation: 'delete', collection: POST, rkey: 'c', prev: old.$link },
    ])
    expect(Object.keys(commits[2] ?? {})).toEqual([
      'rev',
      'operation',
      'collection',
      'rkey',
      'prev',
      'since',
      'commit',
    ])
  })

  it('without operations is no event: the first of every repository is one', () => {
    expect(eventsIn(commitFrame(7, []))).toEqual([])
  })

  it('is told apart by the guards', () => {
    const events = [...eventsIn(commitFrame(7, OPS)), ...eventsIn(identityFrame(8))]
    expect(
      [isCommit, isCreate(POST), isUpdate(LIKE), isDelete(POST), isIdentity, isAccount].map(
        (guard) => events.filter(guard).length,
      ),
    ).toEqual([3, 1, 1, 1, 1, 0])
  })

  it.each([
    ['no slash', 'nothing', 'nothing', ''],
    ['no key', `${POST}/`, POST, ''],
    ['no collection', '/a', '', 'a'],
    ['two slashes', `${POST}/a/b`, POST, 'a/b'],
  ])('names an operation whose path has %s, whatever it is', (_, path, collection, rkey) => {
    const problem = 'path-malformed'
    const commits = commitsIn(
      commitFrame(7, [
        { action: 'create', path, record: { text: 'a' } },
        { action: 'delete', path },
      ]),
    )
    expect(commits).toMatchObject([
      { operation: 'create', collection, rkey, problem, record: { text: 'a' } },
      { operation: 'delete', collection, rkey, problem },
    ])
  })

  it('has members that a server adds to operation or commit, never in place of ours', () => {
    const ops = [
      {
        action: 'create',
        path: `${POST}/a`,
        record: { text: 'a' },
        reason: { by: old },
        rkey: 'mine',
        problem: 'no',
      },
    ]
    const [commit] = commitsIn(commitFrame(7, ops, { epoch: 3, operation: 'mine', prevData: old }))
    expect(commit).toMatchObject({
      operation: 'create',
      rkey: 'a',
      record: { text: 'a' },
      reason: { by: { $link: old.$link } },
      epoch: 3,
    })
    expect(commit).not.toHaveProperty('prevData')
  })

  it('passes operations on that nobody knows yet', () => {
    const [commit] = commitsIn(
      commitFrame(7, [{ action: 'merge', path: `${POST}/a`, record: { text: 'a' } }]),
    )
    expect(commit).toMatchObject({ operation: 'merge', record: { text: 'a' } })
  })

  it('has the path after its first slash as rkey, empty if there is no slash', () => {
    const names = commitsIn(
      commitFrame(
        7,
        ['nothing', 'a.b.c/d/e', '/x', ''].map((path) => ({ action: 'delete', path })),
      ),
    ).map(({ collection, rkey }) => [collection, rkey])
    expect(names).toEqual([
      ['nothing', ''],
      ['a.b.c', 'd/e'],
      ['', 'x'],
      ['', ''],
    ])
  })

  it('that was too big for its operations says so in a sync event, behind those it has', () => {
    expect(eventsIn(commitFrame(7, [], { tooBig: true }))).toEqual([
      {
        did: DID,
        time_us: T0 + 7_000_000,
        cursor: 7,
        time: timeOf(7),
        kind: 'sync',
        sync: { did: DID, rev: 'rev7', seq: 7, time: timeOf(7), tooBig: true },
      },
    ])
    expect(eventsIn(commitFrame(7, OPS, { tooBig: true })).map(({ kind }) => kind)).toEqual([
      'commit',
      'commit',
      'commit',
      'sync',
    ])
  })
})

describe('a problem of a record is named by its event, and the others are emitted:', () => {
  const body = commitBody(7, OPS)
  const [a, b] = [encode({ text: 'a' }), encode({ text: 'b' })]
  const root = body.commit as CidLinkWrapper
  const rootBlock = encode({ did: DID, version: 3, rev: 'rev7' })
  const entries: readonly (readonly [CidLinkWrapper, Uint8Array])[] = [
    [root, rootBlock],
    [linkTo(a), a],
    [linkTo(b), b],
  ]
  const whole = carOf(root, entries)
  const withBlocks = (blocks: unknown) => frameOf('#commit', { ...body, blocks })
  const withCar = (car: Uint8Array) => withBlocks(toBytes(car))

  /** What each of the three operations says, and whether it has its record. */
  const problemsOf = (frame: Uint8Array) =>
    commitsIn(frame).map((commit) => [commit.problem, commit.record !== undefined])

  const good = [undefined, true]
  const deleted = [undefined, false]
  const lacking = (problem: string) => [problem, false]

  it('nothing, in a good commit', () => {
    expect(problemsOf(withCar(whole))).toEqual([good, good, deleted])
  })

  it('a block that is not there', () => {
    expect(problemsOf(withCar(carOf(root, entries.slice(0, 2))))).toEqual([
      good,
      lacking('record-missing'),
      deleted,
    ])
  })

  it('a block whose hash is not its CID', () => {
    const forged = encode({ text: 'forged' })
    const problems = problemsOf(withCar(carOf(root, [...entries.slice(0, 2), [linkTo(b), forged]])))
    expect(problems).toEqual([good, lacking('record-mismatch'), deleted])
  })

  it('a section that ends too soon, at every byte of it', () => {
    const seen = new Set<string>()
    for (let length = 0; length < whole.length; length += 1) {
      const problems = problemsOf(withCar(whole.slice(0, length)))
      expect(problems[2]).toEqual(deleted)
      // A cut between two blocks leaves a CAR that is whole, and lacks them.
      for (const [problem, hasRecord] of problems.slice(0, 2))
        expect(
          hasRecord
            ? problem === undefined
            : /^(record-missing|blocks-unreadable)$/.test(String(problem)),
        ).toBe(true)
      seen.add(JSON.stringify(problems))
    }
    expect([...seen]).toContain(
      JSON.stringify([lacking('blocks-unreadable'), lacking('blocks-unreadable'), deleted]),
    )
    expect([...seen]).toContain(JSON.stringify([good, lacking('blocks-unreadable'), deleted]))
  })

  it.each<[string, unknown]>([
    ['absent', null],
    ['text', 'no bytes'],
    ['empty', toBytes(new Uint8Array())],
    ['noise', toBytes(new Uint8Array(500).fill(0xa5))],
  ])('a section that is %s', (_, blocks) => {
    expect(problemsOf(withBlocks(blocks))).toEqual([
      lacking('blocks-unreadable'),
      lacking('blocks-unreadable'),
      deleted,
    ])
  })

  it('a section of more than 2,000,000 bytes', () => {
    const filler = new Uint8Array(2_000_001 - whole.length)
    expect(problemsOf(withCar(Buffer.concat([whole, filler])))).toEqual([
      lacking('blocks-too-large'),
      lacking('blocks-too-large'),
      deleted,
    ])
  })

  it('a section of another commit: the records are those of their CIDs all the same', () => {
    const mixed = ['root-mismatch', true]
    expect(problemsOf(withCar(carOf(linkTo(a), entries)))).toEqual([mixed, mixed, deleted])
    const [commit] = commitsIn(withCar(carOf(linkTo(a), entries)))
    expect(commit?.record).toEqual({ text: 'a' })
  })

  it('an operation that names no block', () => {
    const frame = frameOf('#commit', {
      ...body,
      ops: [
        { action: 'create', path: `${POST}/a`, cid: null },
        { action: 'create', path: `${POST}/b` },
      ],
    })
    expect(problemsOf(frame)).toEqual([lacking('record-missing'), lacking('record-missing')])
  })
})

describe('the other messages', () => {
  const envelope = { did: DID, time_us: T0 + 7_000_000, cursor: 7, time: timeOf(7) }
  const body = { seq: 7, did: DID, time: timeOf(7) }

  it('of an identity, with a handle or without', () => {
    expect(eventsIn(frameOf('#identity', { ...body, handle: 'a.test' }))).toEqual([
      {
        ...envelope,
        kind: 'identity',
        identity: { did: DID, handle: 'a.test', seq: 7, time: timeOf(7) },
      },
    ])
    expect(eventsIn(frameOf('#identity', body))).toEqual([
      { ...envelope, kind: 'identity', identity: { did: DID, seq: 7, time: timeOf(7) } },
    ])
  })

  it('of an account, with whatever status', () => {
    const account = (members: object) => eventsIn(frameOf('#account', { ...body, ...members }))
    expect(account({ active: true })).toEqual([
      {
        ...envelope,
        kind: 'account',
        account: { active: true, did: DID, seq: 7, time: timeOf(7) },
      },
    ])
    for (const status of ['takendown', 'a status of tomorrow']) {
      expect(account({ active: false, status })).toMatchObject([
        { account: { active: false, status } },
      ])
    }
  })

  it('of a sync, with its block as atproto JSON', () => {
    const events = eventsIn(
      frameOf('#sync', { ...body, rev: 'rev7', blocks: toBytes(Uint8Array.of(1, 2, 3)) }),
    )
    expect(events).toStrictEqual([
      {
        ...envelope,
        kind: 'sync',
        sync: { did: DID, rev: 'rev7', seq: 7, time: timeOf(7), blocks: { $bytes: 'AQID' } },
      },
    ])
  })

  it('that are no events: notices, what the lexicon has no more, and what it will have', () => {
    expect(
      read(frameOf('#info', { name: 'OutdatedCursor', message: 'possibly missing events' })),
    ).toBe('OutdatedCursor')
    for (const t of ['#handle', '#migrate', '#tombstone', '#tomorrow', ''])
      expect(read(frameOf(t, body))).toBe(t)
    expect(read(frameOf('#commit', commitBody(7, OPS), 2))).toBe('op 2')
  })

  it('whose time cannot be read have no time of their own, and keep what was written', () => {
    expect(eventsIn(frameOf('#identity', { ...body, time: 'soon' }))).toMatchObject([
      { time_us: 0, time: 'soon' },
    ])
  })
})

describe('a message that lacks what every event has', () => {
  const commit = commitBody(7, OPS)
  const other = { seq: 7, did: DID, time: timeOf(7), active: true, rev: 'r' }
  const place = { position: 7, time_us: T0 + 7_000_000 }
  const thrownBy = (t: string, body: object): unknown => {
    try {
      return read(frameOf(t, body))
    } catch (error) {
      return error
    }
  }

  it.each<[string, string, object, object | undefined]>([
    ['a sequence number', '#commit', { ...commit, seq: 'seven' }, undefined],
    ['a sequence number that is none below 0', '#identity', { ...other, seq: -1 }, undefined],
    ['a whole sequence number', '#identity', { ...other, seq: 1.5 }, undefined],
    ['its repository', '#commit', { ...commit, repo: 7 }, place],
    ['its DID', '#identity', { ...other, did: null }, place],
    ['its time', '#identity', { ...other, time: 7 }, { position: 7, time_us: 0 }],
    ['its revision', '#commit', { ...commit, rev: null }, place],
    ['the revision of a sync', '#sync', { ...other, rev: null }, place],
    ['the commit it is', '#commit', { ...commit, commit: 'bafy' }, place],
    ['its operations', '#commit', { ...commit, ops: null }, place],
    ['an operation that is one', '#commit', { ...commit, ops: [null] }, place],
    ['what an operation does', '#commit', { ...commit, ops: [{ path: 'a/b', cid: null }] }, place],
    [
      'where an operation does it',
      '#commit',
      { ...commit, ops: [{ action: 'delete', cid: null }] },
      place,
    ],
    ['whether an account is active', '#account', { ...other, active: 'yes' }, place],
  ])('— %s — is a reject, at its place', (_, t, body, expected) => {
    const error = thrownBy(t, body)
    expect(error).toBeInstanceOf(FrameError)
    expect((error as FrameError).place).toEqual(expected)
  })
})

describe('filters', () => {
  const frame = commitFrame(7, OPS)
  const paths = (filters: Parameters<typeof eventsIn>[1]) =>
    commitsIn(frame, filters).map(({ collection, rkey }) => `${collection}/${rkey}`)

  it('leave operations out by collection, by prefix, by repository and by kind', () => {
    expect(paths({ collections: [POST] })).toEqual([`${POST}/a`, `${POST}/c`])
    expect(paths({ collections: ['app.bsky.*'] })).toHaveLength(3)
    expect(paths({ collections: ['app.bsky.feed.po.*'] })).toEqual([])
    expect(paths({ dids: [DID] })).toHaveLength(3)
    expect(paths({ dids: ['did:plc:other'] })).toEqual([])
    expect(paths({ kinds: ['commit'] })).toHaveLength(3)
    expect(paths({ kinds: ['identity'] })).toEqual([])
  })

  it('by collection let the other kinds pass', () => {
    const kinds = (events: readonly FirehoseEvent[]) => events.map(({ kind }) => kind)
    expect(kinds(eventsIn(identityFrame(8), { collections: [POST] }))).toEqual(['identity'])
    expect(kinds(eventsIn(identityFrame(8), { kinds: ['commit'] }))).toEqual([])
    expect(kinds(eventsIn(commitFrame(7, OPS, { tooBig: true }), { kinds: ['sync'] }))).toEqual([
      'sync',
    ])
  })
})
