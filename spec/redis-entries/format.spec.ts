import * as fc from 'fast-check'
import { FrameError, RecordError } from '../../src/errors.js'
import type { EntryFormatName } from '../../src/redis-entries/entry-format.js'
import { formatOf } from '../../src/redis-entries/format.js'

const CID = 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a'
const COMMIT = 'bafyreic3vq2vq2wlekzhyzhgbbr7ntkjdi4zdnbs63bqcgp2tjaicyy3ga'
const time = '2026-11-21T12:00:00.123456Z'
const time_us = Date.parse('2026-11-21T12:00:00.123Z') * 1000 + 456
const base = { did: 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', time_us, cursor: 26600000001, time }
const record = {
  $type: 'app.bsky.feed.post',
  text: '<b>„ü“ ☃ 𝄞',
  embed: { $link: CID },
  sig: { $bytes: 'AAEC/w' },
  nested: { list: [1, null, true] },
}
const create = {
  ...base,
  kind: 'commit',
  commit: {
    rev: '3m5jxhx2gxc2n',
    commit: COMMIT,
    operation: 'create',
    collection: 'app.bsky.feed.post',
    rkey: '3m5jxhx',
    record,
    cid: CID,
  },
}
const update = { ...create, commit: { ...create.commit, operation: 'update' } }
const { record: _record, cid: _cid, ...bare } = create.commit
const remove = { ...create, commit: { ...bare, operation: 'delete' } }
const identity = {
  ...base,
  kind: 'identity',
  identity: { did: base.did, handle: 'a.test', seq: base.cursor, time },
}
const nameless = { ...base, kind: 'identity', identity: { did: base.did, seq: base.cursor, time } }
const takendown = {
  ...base,
  kind: 'account',
  account: { active: false, did: base.did, seq: base.cursor, status: 'takendown', time },
}
const active = {
  ...base,
  kind: 'account',
  account: { active: true, did: base.did, seq: base.cursor, time },
}
const sync = {
  ...base,
  kind: 'sync',
  sync: { did: base.did, rev: '3m5jxhx2gxc2n', seq: base.cursor, time, commit: COMMIT },
}
const repo = {
  did: base.did,
  head: COMMIT,
  rev: '3m5jxhx2gxc2n',
  active: false,
  status: 'deactivated',
  host: 'https://bsky.network',
}
const label = {
  seq: 7,
  ver: 1,
  src: 'did:plc:ar7c4by46qjdydhdevvrndac',
  uri: `at://${base.did}/app.bsky.feed.post/3m5jxhx`,
  cid: CID,
  val: 'porn',
  neg: true,
  cts: time,
  exp: time,
  sig: { $bytes: 'AAEC' },
}

const events = {
  create,
  update,
  delete: remove,
  identity,
  'identity without a handle': nameless,
  takendown,
  active,
  sync,
  repo,
  label,
}
const roundTrip = (name: EntryFormatName, event: unknown): unknown => {
  const format = formatOf(name)
  return format.decode(format.encode(event))
}
const written = (event: unknown, host?: string): unknown => {
  const [field = '', text = ''] = formatOf('rsky').encode(event, host)
  return [field, text]
}

describe.each(['json', 'rsky'] as const)('the format %s', (name) => {
  it.each(Object.entries(events))('gives back the same event: %s', (_, event) => {
    expect(roundTrip(name, event)).toEqual([event])
  })

  it('gives back any record, and any word of the wire that it does not know', () => {
    // A key of the name `__proto__` is no member of any lexicon, and toEqual cannot compare one.
    const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'))
    const word = fc
      .stringMatching(/^[a-z]{1,12}$/)
      .filter((text) => !['repo', 'identity', 'account', 'sync', 'commit'].includes(text))
    fc.assert(
      fc.property(json, word, word, fc.nat(), (value, operation, status, cursor) => {
        const kept = {
          ...create,
          cursor,
          commit: {
            ...create.commit,
            operation: operation === 'delete' ? 'update' : operation,
            record: { value },
          },
        }
        const account = {
          ...takendown,
          cursor,
          account: { ...takendown.account, seq: cursor, status },
        }
        expect(roundTrip(name, kept)).toEqual([JSON.parse(JSON.stringify(kept))])
        expect(roundTrip(name, account)).toEqual([account])
      }),
      { seed: 20261121, numRuns: 300 },
    )
  })

  it('writes half of a surrogate pair as an escape, and reads the same text back', () => {
    const halves = {
      ...create,
      commit: { ...create.commit, record: { text: 'a\ud800b', '\udc00': '\udbff' } },
    }
    const text = formatOf(name).encode(halves).join(' ')
    expect(text).toContain('a\\ud800b')
    expect(Buffer.from(text).toString()).toBe(text)
    expect(roundTrip(name, halves)).toEqual([halves])
  })

  it('leaves a record behind that cannot be decoded, and writes its event', () => {
    const { record: _unread, ...rest } = create.commit
    const commit = Object.defineProperty({ ...rest }, 'record', {
      enumerable: true,
      get: () => {
        throw new RecordError('the record is no CBOR')
      },
    })
    const problem = name === 'json' ? { problem: 'record-unreadable' } : {}
    expect(roundTrip(name, { ...create, commit })).toEqual([
      { ...create, commit: { ...rest, ...problem } },
    ])
  })

  it('gives back an event of a kind that it does not know', () => {
    const unknown = { ...base, kind: 'handle', handle: { name: 'x' } }
    expect(roundTrip(name, unknown)).toEqual([unknown])
  })

  it.each([
    ['no field of ours', ['other', '{}'], /no field `event`/],
    ['no fields', [], /no field `event`.*none/],
    ['text that is no JSON', ['event', '{"type":'], /`event` is no JSON/],
    ['an array', ['event', '[1]'], /`event` holds no object/],
    ['null', ['event', 'null'], /`event` holds no object/],
  ])('refuses %s', (_, fields, message) => {
    const decode = () => formatOf(name).decode(fields)
    expect(decode).toThrow(FrameError)
    expect(decode).toThrow(message)
  })
})

describe('the format rsky', () => {
  const seq = base.cursor
  const { did } = base

  it.each([
    [
      'create',
      create,
      {
        type: 'create',
        seq,
        time,
        did,
        commit: COMMIT,
        ...{
          rev: '3m5jxhx2gxc2n',
          collection: 'app.bsky.feed.post',
          rkey: '3m5jxhx',
          cid: CID,
          record,
        },
      },
    ],
    [
      'update',
      update,
      {
        type: 'update',
        seq,
        time,
        did,
        commit: COMMIT,
        ...{
          rev: '3m5jxhx2gxc2n',
          collection: 'app.bsky.feed.post',
          rkey: '3m5jxhx',
          cid: CID,
          record,
        },
      },
    ],
    [
      'delete',
      remove,
      {
        type: 'delete',
        seq,
        time,
        did,
        commit: COMMIT,
        rev: '3m5jxhx2gxc2n',
        collection: 'app.bsky.feed.post',
        rkey: '3m5jxhx',
      },
    ],
    ['identity', identity, { type: 'identity', seq, time, did, handle: 'a.test' }],
    ['identity without a handle', nameless, { type: 'identity', seq, time, did, handle: '' }],
    [
      'takedown',
      takendown,
      { type: 'account', seq, time, did, active: false, status: 'takendown' },
    ],
    ['active account', active, { type: 'account', seq, time, did, active: true }],
    [
      'sync',
      sync,
      { type: 'repo', seq, time, did, commit: COMMIT, rev: '3m5jxhx2gxc2n', sync: sync.sync },
    ],
  ])('writes a %s in the words and the order that its readers know', (_, event, golden) => {
    // As text, so that the order counts.
    expect(written(event)).toEqual(['event', JSON.stringify(golden)])
  })

  it('writes a repository with the origin of its host, and `active` always', () => {
    const { host: _host, status: _status, active: _active, ...listed } = repo
    const golden = { did, host: 'https://bsky.network', rev: repo.rev, active: true, head: COMMIT }
    expect(written(listed, 'wss://bsky.network/xrpc')).toEqual(['repo', JSON.stringify(golden)])
    expect(written(listed, 'bsky.network')).toEqual(['repo', JSON.stringify(golden)])
    expect(written(repo)).toEqual([
      'repo',
      JSON.stringify({
        did,
        host: 'https://bsky.network',
        rev: repo.rev,
        status: 'deactivated',
        active: false,
        head: COMMIT,
      }),
    ])
  })

  it('writes a label as a frame of one, with its position beside it', () => {
    const { seq: position, ...inner } = label
    expect(written(label)).toEqual(['labels', JSON.stringify({ seq: position, labels: [inner] })])
  })

  it('writes a commit without a CID as a backfilled record, which moves no last commit', () => {
    const { commit: _commit, ...commit } = create.commit
    const { time: _time, ...jetstream } = { ...create, commit }
    const [, text] = formatOf('rsky').encode(jetstream)
    expect(JSON.parse(text ?? '')).toMatchObject({ type: 'create', seq: -1, commit: '', time })
    const { cursor: _cursor, ...expected } = { ...jetstream, time }
    expect(formatOf('rsky').decode(['event', text ?? ''])).toEqual([expected])
  })

  it('writes a time of its own where the event has none but in microseconds', () => {
    const { time: _time, ...timeless } = create
    expect(
      JSON.parse(formatOf('rsky').encode({ ...timeless, time_us: 1_700_000_000_000_000 })[1] ?? ''),
    ).toMatchObject({
      time: '2023-11-14T22:13:20.000Z',
    })
    expect(
      JSON.parse(formatOf('rsky').encode({ ...timeless, time_us: 1_700_000_000_000_007 })[1] ?? ''),
    ).toMatchObject({
      time: '2023-11-14T22:13:20.000007Z',
    })
  })

  it('reads what rsky writes: its statuses, a time with an offset, null for absent', () => {
    const its = (value: object) => formatOf('rsky').decode(['event', JSON.stringify(value)])
    const offset = '2026-11-21T12:00:00.123456789+00:00'
    expect(
      its({ type: 'account', seq, time: offset, did, active: false, status: 'Takendown' }),
    ).toEqual([
      {
        ...base,
        time: offset,
        kind: 'account',
        account: { active: false, did, seq, status: 'takendown', time: offset },
      },
    ])
    expect(its({ type: 'account', seq, time, did, active: true, status: null })).toEqual([active])
    expect(its({ type: 'repo', seq, time, did, commit: COMMIT, rev: 'r' })).toEqual([
      { ...base, kind: 'repo', repo: { commit: COMMIT, rev: 'r', seq, time } },
    ])
  })

  it('reads each label of a whole frame', () => {
    const { seq: position, ver: _ver, exp: _exp, sig: _sig, ...inner } = label
    const two = [inner, { ...inner, val: 'spam', cid: null, neg: null }]
    const { cid: _cid, neg: _neg, ...spam } = { ...inner, val: 'spam' }
    expect(
      formatOf('rsky').decode(['labels', JSON.stringify({ seq: position, labels: two })]),
    ).toEqual([
      { seq: position, ...inner },
      { seq: position, ...spam },
    ])
  })

  it.each([
    ['event', { type: 'create', did, rev: 'r', collection: 'c' }, /lacks `rkey`/],
    ['event', { type: 'create' }, /lacks `did`/],
    ['repo', { did }, /lacks `rev`/],
    ['labels', { seq: 1 }, /lacks its `labels`/],
    ['labels', { seq: 1, labels: [1] }, /no object/],
    ['labels', { seq: 1, labels: [{ src: 'x' }] }, /lacks `uri`, `val`, `cts`/],
  ])('refuses a broken `%s`: %j', (field, value, message) => {
    const decode = () => formatOf('rsky').decode([field, JSON.stringify(value)])
    expect(decode).toThrow(FrameError)
    expect(decode).toThrow(message)
  })

  it('refuses what is no event before anything is written', () => {
    expect(() => formatOf('rsky').encode('text')).toThrow(TypeError)
  })
})
