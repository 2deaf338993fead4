import { generateEvents, random } from '../../src/testing/index.js'

const events = [...generateEvents({ seed: 5, count: 20_000, repos: 50, operationsPerCommit: 4 })]
const commits = events.flatMap((event) => (event.kind === 'commit' ? [event] : []))

describe('random', () => {
  it('gives the same numbers for the same seed', () => {
    const take = (seed: number): number[] => Array.from({ length: 5 }, random(seed))
    expect(take(7)).toEqual(take(7))
    expect(take(7)).not.toEqual(take(8))
    expect(take(7)[0]).toBeCloseTo(0.0117, 4)
  })
})

describe('generateEvents', () => {
  it('makes the same events for the same seed', () => {
    expect([...generateEvents({ seed: 5, count: 500, repos: 50, operationsPerCommit: 4 })]).toEqual(
      events.slice(0, 500),
    )
    expect([...generateEvents({ seed: 6, count: 1 })]).not.toEqual([
      ...generateEvents({ seed: 5, count: 1 }),
    ])
  })

  it('makes every kind and operation, in the wire’s order of members', () => {
    const shapes = new Set(
      events.map(
        (event) =>
          `${Object.keys(event)} ${event.kind === 'commit' ? Object.keys(event.commit) : ''}`,
      ),
    )
    expect(shapes).toEqual(
      new Set([
        'did,time_us,kind,commit rev,operation,collection,rkey,record,cid',
        'did,time_us,kind,commit rev,operation,collection,rkey',
        'did,time_us,kind,identity ',
        'did,time_us,kind,account ',
      ]),
    )
    expect(new Set(commits.map((event) => event.commit.operation))).toEqual(
      new Set(['create', 'update', 'delete']),
    )
  })

  it('makes identifiers that look valid', () => {
    const every = (pattern: RegExp, texts: readonly string[]): void =>
      expect(texts.filter((text) => !pattern.test(text))).toEqual([])
    const TID = '[234567abcdefghij][234567a-z]{12}'
    every(
      /^did:plc:[a-z2-7]{24}$/,
      events.map(({ did }) => did),
    )
    every(
      new RegExp(`^${TID}$`),
      commits.map(({ commit }) => commit.rev),
    )
    every(
      new RegExp(`^(self|${TID})$`),
      commits.map(({ commit }) => commit.rkey),
    )
    every(
      /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/,
      commits.flatMap(({ commit }) => commit.cid ?? []),
    )
  })

  it('lets the time always grow, the rev in each repository, and no operation come twice', () => {
    const revs = new Map<string, string>()
    expect(
      events.filter(({ time_us }, index) => time_us <= (events[index - 1]?.time_us ?? 0)),
    ).toEqual([])
    const backwards = commits.filter(({ did, commit }) => {
      const last = revs.get(did) ?? ''
      revs.set(did, commit.rev)
      return commit.rev < last
    })
    expect(backwards).toEqual([])
    const names = commits.map(({ did, commit: { rev, collection, rkey, operation } }) =>
      [did, rev, collection, rkey, operation].join(),
    )
    expect(new Set(names).size).toBe(names.length)
  })

  it('lets the operations of one commit share the time on request', () => {
    const shared = [...generateEvents({ count: 5_000, operationsPerCommit: 4, sharedTime: true })]
    const groups = new Map<number, Set<string>>()
    for (const event of shared) {
      const rev = event.kind === 'commit' ? `${event.did} ${event.commit.rev}` : 'none'
      groups.set(event.time_us, (groups.get(event.time_us) ?? new Set()).add(rev))
    }
    expect(groups.size).toBeLessThan(2_500)
    expect([...groups.values()].every((group) => group.size === 1)).toBe(true)
    const names = shared.map((event) =>
      JSON.stringify(
        event.kind === 'commit' ? [event.did, { ...event.commit, record: 0, cid: 0 }] : event,
      ),
    )
    expect(new Set(names).size).toBe(names.length)
  })

  it('makes a mix like the network’s, about 500 bytes each', () => {
    const sizes = events
      .map((event) => Buffer.byteLength(JSON.stringify(event)))
      .sort((a, b) => a - b)
    const likes = commits.filter(
      (event) =>
        event.commit.collection === 'app.bsky.feed.like' && event.commit.operation === 'create',
    )
    expect(sizes[10_000]).toBeGreaterThan(400)
    expect(sizes[10_000]).toBeLessThan(600)
    expect(likes.length / events.length).toBeGreaterThan(0.4)
  })

  it('is endless without a count', () => {
    const endless = generateEvents()
    expect(Array.from({ length: 1_000 }, () => endless.next().done)).not.toContain(true)
  })
})
