import {
  checkEventFilters,
  type EventFilters,
  filtersKey,
  wantedBy,
} from '../../src/atproto/filters.js'
import { Issues } from '../../src/options/issues.js'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

const issuesOf = (filters: EventFilters): readonly string[] => {
  const issues = new Issues()
  checkEventFilters(filters, issues)
  return issues.all.map(({ option }) => option)
}

describe('filters of events', () => {
  it.each<readonly [string, EventFilters]>([
    ['nothing', {}],
    ['empty lists', { collections: [], dids: [], kinds: [] }],
  ])('of %s limit nothing, and their key says so', (_, filters) => {
    const wanted = wantedBy(filters)
    expect([
      wanted('commit', DID, 'a.b.c'),
      wanted('identity', DID),
      wanted('kind-of-tomorrow', DID),
    ]).toEqual([true, true, true])
    expect(filtersKey(filters)).toEqual([])
    expect(issuesOf(filters)).toEqual([])
  })

  it('are ANDed; collections limit commits alone', () => {
    const wanted = wantedBy({
      collections: ['a.b.c', 'a.d.*'],
      dids: [DID],
      kinds: ['commit', 'sync'],
    })
    expect([
      wanted('commit', DID, 'a.b.c'),
      wanted('commit', DID, 'a.d.e'),
      wanted('sync', DID),
    ]).toEqual([true, true, true])
    expect([
      wanted('commit', DID, 'a.b.cd'),
      wanted('commit', 'did:plc:b', 'a.b.c'),
      wanted('identity', DID),
    ]).toEqual([false, false, false])
  })

  it('that can never apply are a mistake', () => {
    expect(issuesOf({ collections: ['a.b.c'], kinds: ['identity'] })).toEqual(['collections'])
    expect(issuesOf({ collections: ['a.b.c'], kinds: [] })).toEqual([])
    expect(issuesOf({ collections: ['a.b.c'], kinds: ['commit', 'sync'] })).toEqual([])
  })
})
