import { from, map } from 'rxjs'
import { type KeepRecentOptions, keepRecent } from '../../src/browser/keep-recent.js'
import { ConfigError } from '../../src/errors.js'
import { uriOf } from '../../src/operators/uris.js'

interface Post {
  readonly did: string
  readonly kind: 'commit'
  readonly commit: {
    readonly operation: 'create' | 'update' | 'delete'
    readonly collection: string
    readonly rkey: string
    readonly text?: string
  }
}

const post = (operation: Post['commit']['operation'], rkey: string, text = ''): Post => ({
  did: 'did:plc:a',
  kind: 'commit',
  commit: { operation, collection: 'app.bsky.feed.post', rkey, text },
})

const listsOf = <T>(arrays: readonly (readonly T[])[], options?: KeepRecentOptions<T>) => {
  const lists: (readonly T[])[] = []
  from(arrays)
    .pipe(keepRecent(options))
    .subscribe((list) => lists.push(list))
  return lists
}

describe('keepRecent', () => {
  it('emits the newest values after each array, the newest first', () => {
    expect(listsOf([[1, 2], [3], [4, 5, 6]], { limit: 3 })).toEqual([
      [2, 1],
      [3, 2, 1],
      [6, 5, 4],
    ])
  })

  it('keeps 50 values, also equal ones', () => {
    expect(listsOf([new Array(60).fill(7)])).toEqual([new Array(50).fill(7)])
  })

  it('puts a later value of a key in the place of the earlier one', () => {
    const [first, second, changed] = [
      post('create', 'a', 'first'),
      post('create', 'b'),
      post('update', 'a', 'changed'),
    ]
    const lists = listsOf([[first, second], [changed]], { key: uriOf })
    expect(lists).toEqual([
      [second, first],
      [second, changed],
    ])
  })

  it('removes a record that is deleted, and emits nothing for one that it does not have', () => {
    const [first, second] = [post('create', 'a'), post('create', 'b')]
    const lists = listsOf([[first, second], [post('delete', 'a')], [post('delete', 'c')]], {
      key: uriOf,
    })
    expect(lists).toEqual([[second, first], [second]])
  })

  it('shares nothing between two subscriptions', () => {
    const lists$ = from([[1]]).pipe(keepRecent(), map(String))
    const seen: string[] = []
    lists$.subscribe((list) => seen.push(list))
    lists$.subscribe((list) => seen.push(list))
    expect(seen).toEqual(['1', '1'])
  })

  it('refuses all mistakes of its options at the call', () => {
    expect(() => keepRecent({ limit: 0, key: 'did' as never })).toThrow(ConfigError)
  })
})
