import { type Routable, router } from '../../src/operators/route.js'
import { commit } from './events.js'

describe('the router', () => {
  const keys = [
    'app.bsky.feed.post',
    'app.bsky.feed.*',
    'app.bsky.*',
    'app.*',
    'identity',
    'account',
    'sync',
    '*',
  ]

  it.each([
    ['app.bsky.feed.post', 'app.bsky.feed.post'],
    ['app.bsky.feed.like', 'app.bsky.feed.*'],
    ['app.bsky.feed.sub.thing', 'app.bsky.feed.*'],
    ['app.bsky.graph.follow', 'app.bsky.*'],
    ['app.bsky.feedback.x', 'app.bsky.*'],
    ['app.other.thing', 'app.*'],
    ['com.example.thing', '*'],
  ])('sends %s to %s: exact before the longest prefix before the rest', (collection, key) => {
    expect(router(keys)(commit(collection))).toBe(key)
    expect(router(keys.toReversed())(commit(collection))).toBe(key)
  })

  describe('a prefix that takes what only begins like it', () => {
    it.each(['app.bsky.feedback.x', 'app.bsky.feed', 'app.bsky.feeds.post', 'app.bsky.fee.post'])(
      'does not take %s for app.bsky.feed.*',
      (collection) => {
        expect(router(['app.bsky.feed.*'])(commit(collection))).toBeUndefined()
      },
    )
  })

  it.each(['identity', 'account', 'sync'])('sends %s events to the key of that name', (kind) => {
    expect(router(keys)({ kind })).toBe(kind)
  })

  it('sends a kind that no key names, and that no one knows yet, to the rest', () => {
    expect(router(['identity', '*'])({ kind: 'account' })).toBe('*')
    expect(router(['*'])({ kind: 'brand-new' })).toBe('*')
    expect(router(['identity'])({ kind: 'account' })).toBeUndefined()
  })

  it('routes the events of Tap by `type`', () => {
    const route = router(keys)
    expect(route({ type: 'record', collection: 'app.bsky.feed.post' })).toBe('app.bsky.feed.post')
    expect(route({ type: 'identity' })).toBe('identity')
  })

  it.each(['identity', 'account', 'sync', '*'])(
    'does not take a made-up collection %s for that kind',
    (collection) => {
      expect(router([collection])(commit(collection))).toBe(collection === '*' ? '*' : undefined)
    },
  )

  it.each(['app.bsky.feed.post', 'app.bsky.feed.*'])(
    'does not take a kind that a server calls %s for that collection',
    (kind) => {
      expect(router([kind])({ kind })).toBeUndefined()
    },
  )

  it('sends a commit without a collection to the rest', () => {
    expect(router(keys)({ kind: 'commit' } as Routable)).toBe('*')
  })

  it('returns the same key for known and for thousands of made-up collections', () => {
    const route = router(['com.example.*'])
    for (let round = 0; round < 2; round += 1) {
      for (let n = 0; n < 3000; n += 1)
        expect([route(commit(`com.example.c${n}`)), route(commit(`org.example.c${n}`))]).toEqual([
          'com.example.*',
          undefined,
        ])
    }
  })
})
