import { isReply, isRootPost, mentions, RecordError, subjectOf, uriOf } from '../../src/index.js'

const did = 'did:plc:a'
const written = (collection: string, record: unknown, operation = 'create') => ({
  kind: 'commit',
  did,
  commit: { operation, collection, rkey: 'r', record },
})
const post = (record: unknown, operation?: string) =>
  written('app.bsky.feed.post', record, operation)
const unreadable = {
  kind: 'commit',
  did,
  commit: {
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: 'r',
    get record(): unknown {
      throw new RecordError('broken')
    },
  },
}

describe('uriOf', () => {
  it.each([
    ['a commit', post({}), 'at://did:plc:a/app.bsky.feed.post/r'],
    ['a delete', post(undefined, 'delete'), 'at://did:plc:a/app.bsky.feed.post/r'],
    [
      'a record of a Tap',
      { type: 'record', did, collection: 'app.bsky.feed.post', rkey: 'r' },
      'at://did:plc:a/app.bsky.feed.post/r',
    ],
    ['an identity', { kind: 'identity', did }, 'at://did:plc:a'],
    ['an identity of a Tap', { type: 'identity', did }, 'at://did:plc:a'],
  ])('is the place of %s', (_, event, uri) => {
    expect(uriOf(event)).toBe(uri)
  })
})

describe('subjectOf', () => {
  it.each([
    ['a follow', { subject: 'did:plc:b' }, 'did:plc:b'],
    ['a like', { subject: { uri: 'at://did:plc:b/x.y.z/1', cid: 'c' } }, 'at://did:plc:b/x.y.z/1'],
    ['a gate', { post: 'at://did:plc:b/x.y.z/1' }, 'at://did:plc:b/x.y.z/1'],
    ['a post', { text: 'subject' }, undefined],
    ['a delete', undefined, undefined],
    ['anything that a stranger writes', { subject: { uri: 7 }, post: [] }, undefined],
    ['a text', 'subject', undefined],
  ])('is what %s is about', (_, record, subject) => {
    expect(subjectOf(written('com.example.note', record))).toBe(subject)
    expect(subjectOf({ type: 'record', did, record })).toBe(subject)
  })

  it('is not known of a record that cannot be read', () => {
    expect(subjectOf(unreadable)).toBeUndefined()
  })
})

const facets = (...dids: readonly unknown[]) => [
  { features: [{ uri: 'https://example.com' }] },
  { features: dids.map((one) => ({ did: one })) },
]
const reply = { parent: { uri: 'at://did:plc:b/app.bsky.feed.post/1' }, root: {} }

describe('guards of posts', () => {
  it.each([
    ['one with the facet', post({ text: '@b', facets: facets('did:plc:c', 'did:plc:b') }), true],
    ['an update with it', post({ facets: facets('did:plc:b') }, 'update'), true],
    ['one that mentions another', post({ facets: facets('did:plc:c') }), false],
    ['one without a facet', post({ text: 'did:plc:b' }), false],
    ['one whose facets are anything', post({ facets: [7, null, { features: 'x' }] }), false],
    ['another record', written('com.example.note', { facets: facets('did:plc:b') }), false],
    ['a delete', post(undefined, 'delete'), false],
    ['one that cannot be read', unreadable, false],
    ['an identity', { kind: 'identity', did }, false],
  ])('mentions: %s', (_, event, isOne) => {
    expect(mentions('did:plc:b')(event)).toBe(isOne)
  })

  it.each([
    ['a post that replies', post({ text: 'a', reply }), true, false],
    ['a post that begins a thread', post({ text: 'a' }), false, true],
    ['a post with a reply that is none', post({ text: 'a', reply: 'x' }), false, false],
    ['a delete', post(undefined, 'delete'), false, false],
    ['one that cannot be read', unreadable, false, false],
    ['another record', written('com.example.note', { reply }), false, false],
  ])('isReply and isRootPost: %s', (_, event, isOne, isRoot) => {
    expect([isReply(event), isRootPost(event)]).toEqual([isOne, isRoot])
  })
})
