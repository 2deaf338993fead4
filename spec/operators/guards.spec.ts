import {
  isAccount,
  isCommit,
  isCreate,
  isDelete,
  isIdentity,
  isSync,
  isUpdate,
} from '../../src/operators/guards.js'
import { generateEvents } from '../../src/testing/index.js'

const post = 'app.bsky.feed.post'
const of = (operation: string, collection = post) => ({
  kind: 'commit',
  commit: { operation, collection },
})
const events = {
  'a create': of('create'),
  'an update': of('update'),
  'a delete': of('delete'),
  'an operation of the future': of('merge'),
  'a create elsewhere': of('create', 'app.bsky.feed.postgate'),
  'an identity': { kind: 'identity', identity: {} },
  'an account': { kind: 'account', account: {} },
  'a sync': { kind: 'sync', sync: {} },
  'a kind of the future': { kind: 'starsign' },
  'a commit without a body': { kind: 'commit' },
  'a body of another kind': { kind: 'identity', commit: { operation: 'create', collection: post } },
}
const names = Object.keys(events) as (keyof typeof events)[]

describe('the guards', () => {
  it.each<
    [string, (event: { readonly kind: string }) => boolean, readonly (keyof typeof events)[]]
  >([
    ['isCreate', isCreate(post), ['a create']],
    ['isUpdate', isUpdate(post), ['an update']],
    ['isDelete', isDelete(post), ['a delete']],
    ['isIdentity', isIdentity, ['an identity', 'a body of another kind']],
    ['isAccount', isAccount, ['an account']],
    ['isSync', isSync, ['a sync']],
    [
      'isCommit',
      isCommit,
      [
        'a create',
        'an update',
        'a delete',
        'an operation of the future',
        'a create elsewhere',
        'a commit without a body',
      ],
    ],
  ])('%s takes its own events and no others', (_, guard, taken) => {
    expect(names.filter((name) => guard(events[name]))).toEqual(taken)
  })

  it('part all events of a stream by operation, kind by kind', () => {
    const all = [...generateEvents({ seed: 3, count: 5000 })]
    const counts = [isCommit, isIdentity, isAccount].map((guard) => all.filter(guard).length)
    expect(counts.every((count) => count > 0)).toBe(true)
    expect(counts.reduce((sum, count) => sum + count)).toBe(5000)
    const posts = all.filter(
      (event) => event.kind === 'commit' && event.commit.collection === post,
    ).length
    expect(
      [isCreate, isUpdate, isDelete].reduce(
        (sum, guard) => sum + all.filter(guard(post)).length,
        0,
      ),
    ).toBe(posts)
  })
})
