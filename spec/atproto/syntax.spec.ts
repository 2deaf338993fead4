import { isDid, isNsid, isNsidPrefix } from '../../src/atproto/syntax.js'
import { generateEvents } from '../../src/testing/index.js'
import { cpuMs } from '../helpers/cpu.js'

const long = (length: number, letter = 'a') => letter.repeat(length)

describe('isNsid', () => {
  it.each([
    'com.example.fooBar',
    'net.users.bob.ping',
    'a.b.c',
    'cn.8.lex.stuff',
    'a-0.b-1.c',
    'app.bsky.feed.post',
    `com.${long(63)}.x`,
    'com.example.f00',
  ])('takes %s', (text) => expect(isNsid(text)).toBe(true))

  it.each([
    '',
    'app',
    'app.bsky',
    'app.bsky.',
    '.app.bsky.feed',
    'app..bsky.feed',
    'app.bsky.feed.*',
    'app.bsky.feed-post',
    'app.bsky.3post',
    '8app.bsky.feed',
    '-a.b.c',
    'a-.b.c',
    'app.bsky.feed post',
    'app.bsky.féed',
    'app.bsky.feed\n',
    `com.${long(64)}.x`,
    `com.example.${long(64)}`,
    `${`${long(60)}.`.repeat(5)}${long(20)}`,
  ])('refuses %j', (text) => expect(isNsid(text)).toBe(false))
})

describe('isNsidPrefix', () => {
  it.each(['app.*', 'app.bsky.*', 'app.bsky.feed.*', 'a-0.*'])('takes %s', (text) =>
    expect(isNsidPrefix(text)).toBe(true),
  )

  it.each([
    '*',
    '.*',
    'app*',
    'app.bsky*',
    'app.bsky.feed',
    'app.*.post',
    'app..*',
    'app.bsky.**',
    '-app.*',
    '8app.*',
    `${long(64)}.*`,
  ])('refuses %j', (text) => expect(isNsidPrefix(text)).toBe(false))
})

describe('isDid', () => {
  it.each([
    'did:plc:ewvi7nxzyoun6zhxrhs64oiz',
    'did:web:example.com',
    'did:web:localhost%3A1234',
    'did:method:val:two',
    'did:m:v',
    'did:m:-._',
    `did:plc:${long(2040)}`,
  ])('takes %s', (text) => expect(isDid(text)).toBe(true))

  it.each([
    '',
    'did',
    'did:',
    'did:plc',
    'did:plc:',
    'did:PLC:abc',
    'DID:plc:abc',
    'did:m1:v',
    'did:m:v:',
    'did:m:v%',
    'did:m:v/x',
    'did:m:v x',
    ' did:m:v',
    'did:m:v\n',
    'alice.test',
    `did:plc:${long(2041)}`,
  ])('refuses %j', (text) => expect(isDid(text)).toBe(false))

  it('takes every DID and NSID of the generated network', () => {
    for (const event of generateEvents({ count: 500 })) {
      expect(isDid(event.did)).toBe(true)
      if (event.kind === 'commit') expect(isNsid(event.commit.collection)).toBe(true)
    }
  })

  it('answers at once to text made to keep an expression busy', () => {
    const start = cpuMs()
    for (const text of [
      `${'a.'.repeat(150)}!`,
      `a${'-'.repeat(300)}.`,
      `did:m:${'%'.repeat(2000)}`,
    ]) {
      expect([isNsid(text), isNsidPrefix(text), isDid(text)]).toEqual([false, false, false])
    }
    expect(cpuMs() - start).toBeLessThan(1000)
  })
})
