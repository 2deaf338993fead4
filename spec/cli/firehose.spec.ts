import { once } from 'node:events'
import { toBytes } from '@atcute/cbor'
import { type FirehoseEvent, isCommit } from 'rxjs-atproto'
import {
  decodeMessage,
  type FakeFirehose,
  type FakeFirehoseOptions,
  fakeFirehose,
  opsOf,
} from 'rxjs-atproto/testing'
import { carOf, commitFrame, DID, linkTo, posts } from '../sources/firehose/frames.js'
import { Cli, ended, itOnTerminal, linesOf } from './cli.js'

const cli = new Cli()
const servers: FakeFirehose[] = []

beforeAll(() => cli.build())
afterEach(async () => {
  cli.killAll()
  for (const server of servers.splice(0)) await server.close()
})
afterAll(() => cli.dispose())

async function serve(options: FakeFirehoseOptions): Promise<FakeFirehose> {
  const server = await fakeFirehose({ stored: 'all', ...options })
  servers.push(server)
  return server
}

const run = (server: FakeFirehose, ...flags: readonly string[]) =>
  cli.run(['firehose', '--host', server.url, ...flags])
const fromStart = (server: FakeFirehose, ...flags: readonly string[]) =>
  run(server, '--cursor', 'oldest', ...flags)
const eventsOf = (ndjson: string) => linesOf(ndjson) as readonly FirehoseEvent[]
const cursorsOf = (ndjson: string) => eventsOf(ndjson).map(({ cursor }) => cursor)
const isCommitFrame = (frame: Uint8Array) => decodeMessage(frame).t === '#commit'

/** A commit whose one record has the hash of its CID, and is no DAG-CBOR. */
const unreadable = (seq: number) => {
  const [root, block] = [Uint8Array.of(0xa0), Uint8Array.of(0xff)]
  const car = carOf(linkTo(root), [
    [linkTo(root), root],
    [linkTo(block), block],
  ])
  return commitFrame(seq, [], {
    commit: linkTo(root),
    ops: [{ action: 'create', path: 'com.example.odd/a', cid: linkTo(block) }],
    blocks: toBytes(car),
  })
}

describe('rxjs-atproto firehose writes', () => {
  it('each operation and each other event as one line of JSON, and only those', async () => {
    const server = await serve({ events: 300, style: 'relay' })
    const sent = server.frames.filter(isCommitFrame).flatMap((frame) => opsOf(frame))
    const others = server.frames.filter((frame) => !isCommitFrame(frame)).length
    expect(others).toBeGreaterThan(0)

    const { code, stdout, stderr } = await fromStart(
      server,
      '--limit',
      String(sent.length + others),
    )

    const events = eventsOf(stdout)
    const written = events.filter(isCommit).map(({ did, cursor, commit }) => {
      const { operation, collection, rkey, cid, record } = commit
      return {
        seq: cursor,
        did,
        action: operation,
        path: `${collection}/${rkey}`,
        cid: cid ?? null,
        record,
      }
    })
    expect(written).toEqual(
      sent.map(({ seq, did, action, path, cid, record }) => ({
        seq,
        did,
        action,
        path,
        cid,
        record,
      })),
    )
    expect(events).toHaveLength(sent.length + others)
    expect(stderr).toMatch(/^[\d,]+ events in .*, 0 dropped, 0 rejected, 0 gaps, 0 reconnects\n$/)
    expect(code).toBe(0)
  })

  it('links as $link and bytes as $bytes', async () => {
    const link = linkTo(Uint8Array.of(0xa0))
    const record = { link, bytes: toBytes(Uint8Array.of(1, 2, 3, 4)) }
    const sync = {
      t: '#sync',
      body: {
        did: DID,
        rev: 'r',
        time: '2026-01-01T00:00:00.000Z',
        blocks: toBytes(Uint8Array.of(5, 6)),
      },
    } as const
    const server = await serve({
      events: [commitFrame(1, [{ action: 'create', path: 'com.example.post/a', record }]), sync],
    })

    const { stdout } = await fromStart(server, '--limit', '2', '-q')

    expect(linesOf(stdout)).toEqual([
      expect.objectContaining({
        did: DID,
        kind: 'commit',
        commit: expect.objectContaining({
          rkey: 'a',
          record: { link: { $link: link.$link }, bytes: { $bytes: 'AQIDBA' } },
        }),
      }),
      expect.objectContaining({
        kind: 'sync',
        sync: expect.objectContaining({ blocks: { $bytes: 'BQY' } }),
      }),
    ])
  })

  it('only what the filters leave', async () => {
    const server = await serve({ events: 500, generate: { repos: 3 } })
    const { stdout: all } = await fromStart(
      server,
      '--kinds',
      'identity,account',
      '--limit',
      '10',
      '-q',
    )
    expect(new Set(eventsOf(all).map(({ kind }) => kind))).toEqual(new Set(['identity', 'account']))
    const likes = await fromStart(
      server,
      '--kinds',
      'commit',
      '--collections',
      'app.bsky.feed.like',
      '--limit',
      '20',
      '-q',
    )
    expect(
      new Set(
        eventsOf(likes.stdout).map((event) => event.kind === 'commit' && event.commit.collection),
      ),
    ).toEqual(new Set(['app.bsky.feed.like']))
  })

  it('from the seq that `--cursor` names', async () => {
    const server = await serve({ events: [posts(1), posts(2), posts(3)] })
    const { stdout } = await run(server, '--cursor', '2', '--limit', '2', '-q')
    expect(cursorsOf(stdout)).toEqual([2, 3])
  })

  it('an event without the record that cannot be decoded, and says so', async () => {
    const server = await serve({ events: [posts(1), unreadable(2), posts(3)] })
    const [loose, strict] = await Promise.all([
      fromStart(server, '--limit', '3'),
      fromStart(server, '--limit', '3', '--strict'),
    ])

    expect(cursorsOf(loose.stdout)).toEqual([1, 2, 3])
    expect(linesOf(loose.stdout)[1]).toEqual(
      expect.objectContaining({
        commit: expect.objectContaining({
          rkey: 'a',
          cid: expect.any(String),
          problem: 'record-unreadable',
        }),
      }),
    )
    expect(loose.stdout.split('\n')[1]).not.toContain('"record":')
    expect(loose.stderr).toMatch(
      /^warning: at:\/\/did:plc:a+\/com\.example\.odd\/a is written without its record: .*DAG-CBOR/,
    )
    expect(loose.stderr).toContain('3 events')
    expect(loose.stderr).toContain('1 rejected')
    expect([loose.code, strict.code]).toEqual([0, 6])
  })

  it('what `demo --replay` gives back unchanged', async () => {
    const server = await serve({ events: 200 })
    const file = cli.path('recorded.ndjson')
    const recorded = await cli.shell(
      `$CLI firehose --host ${server.url} --cursor oldest --limit 200 -q > ${file}`,
    )
    const replayed = await cli.run(['demo', '--replay', file, '-q'])
    const saved = await cli.shell(`cat ${file}`)
    expect([recorded.code, replayed.code]).toEqual([0, 0])
    expect(linesOf(replayed.stdout)).toHaveLength(200)
    expect(linesOf(replayed.stdout)).toEqual(linesOf(saved.stdout))
  })

  it('metrics as lines of JSON on stderr with `--metrics`, the last one at the end', async () => {
    const server = await serve({ events: [posts(1, 3), posts(2)] })
    const { stderr } = await fromStart(server, '--limit', '4', '--metrics', '-q')
    // A commit is one delivery.
    expect(linesOf(stderr).at(-1)).toMatchObject({
      written: 4,
      delivered: 2,
      done: 2,
      connection: { state: 'closed' },
    })
  })
})

describe('rxjs-atproto firehose --help', () => {
  it('has examples that run', async () => {
    await cli.runExamples('firehose', () =>
      serve({ events: 200, stored: 0, generate: { collections: { 'app.bsky.feed.post': 1 } } }),
    )
  })
})

describe('rxjs-atproto firehose --cursor-file', () => {
  it('resumes where the last run ended: repeats a cut commit, loses nothing', async () => {
    const server = await serve({ events: [posts(1, 2), posts(2, 3), posts(3), posts(4)] })
    const flags = ['--cursor-file', cli.path('cursor.json'), '-q', '--limit']
    const first = await fromStart(server, ...flags, '3')
    const second = await fromStart(server, ...flags, '4')
    const third = await fromStart(server, ...flags, '2')

    expect(cursorsOf(first.stdout)).toEqual([1, 1, 2])
    expect(cursorsOf(second.stdout)).toEqual([2, 2, 2, 3])
    expect(cursorsOf(third.stdout)).toEqual([3, 4])
    expect([first.code, second.code, third.code]).toEqual([0, 0, 0])
  })
})

describe('rxjs-atproto firehose ends', () => {
  it('with 2 for a command line that it cannot read', async () => {
    const wrong = [
      ['--cursor', '10m'],
      ['--host', 'a.example', '--host', 'b.example'],
      ['--kinds', 'post'],
      ['--wire', 'v1'],
    ]
    const runs = await Promise.all(wrong.map((flags) => cli.run(['firehose', ...flags])))
    expect(runs.map(({ code, stdout }) => [code, stdout])).toEqual(wrong.map(() => [2, '']))
    expect(runs[1]?.stderr).toContain('--host')
  })

  it('with 3 for a bad config, each mistake with its flag', async () => {
    const { code, stderr } = await cli.run(['firehose', '--host', 'ftp://x', '--dids', 'me'])
    expect(code).toBe(3)
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^error: CONFIG: --host .*ftp:\/\/x/),
      expect.stringMatching(/^error: CONFIG: --dids .*"me"/),
    ])
  })

  it('with 4 after a permanent refusal or the `--connect-timeout`', async () => {
    const refused = await serve({ faults: [{ onConnect: 1, do: 'refuse', status: 401 }] })
    const absent = await serve({
      faults: [{ onConnect: 1, do: 'refuse', times: Number.POSITIVE_INFINITY }],
    })
    const [first, second] = await Promise.all([
      run(refused),
      run(absent, '--connect-timeout', '300ms', '-q'),
    ])
    expect(first).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: REFUSED: .*401/),
    })
    expect(second).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: NEVER_CONNECTED: no connection within 300 ms/),
    })
  })

  it('with 5 when the retries are used up', async () => {
    const faults = [
      { after: 2, do: 'drop' },
      { onConnect: 2, do: 'refuse', times: Number.POSITIVE_INFINITY },
    ] as const
    const server = await serve({ events: [posts(1), posts(2)], faults })
    const { code, stdout, stderr } = await fromStart(server, '--retries', '1', '-q')
    expect({ code, cursors: cursorsOf(stdout) }).toEqual({ code: 5, cursors: [1, 2] })
    expect(stderr).toMatch(/^error: RECONNECT_EXHAUSTED: .*--retries/)
  })

  it('with 6 when something was lost and `--strict` is given', async () => {
    const server = await serve({ events: [posts(1), Uint8Array.of(0xff), posts(3)] })
    const { code, stderr } = await fromStart(server, '--limit', '2', '--strict')
    expect(code).toBe(6)
    expect(stderr).toMatch(/^warning: rejected a frame of 1 from ws:\/\/127\.0\.0\.1:\d+: /)
  })

  it('well at SIGTERM, with a summary and 143', async () => {
    const server = await serve({ events: 50 })
    const child = cli.start(['firehose', '--host', server.url, '--cursor', 'oldest'])
    const end = ended(child)
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    child.kill('SIGTERM')
    const { code, stdout, stderr } = await end
    expect(code).toBe(143)
    expect(stderr).toMatch(new RegExp(`^${linesOf(stdout).length} events? in`))
  })
})

describe('rxjs-atproto firehose on a terminal', () => {
  itOnTerminal(
    'shows a table of the collections in the place of the lines (skipped where `script` is absent)',
    async () => {
      const server = await serve({ events: [posts(1, 2), posts(2)] })
      const { code, stdout } = await cli.onTerminal([
        'firehose',
        '--host',
        server.url,
        '--cursor',
        'oldest',
        '--limit',
        '3',
      ])
      expect(code).toBe(0)
      expect(stdout).toMatch(/app\.bsky\.feed\.post +3 +\S+\/s +100 %/)
      expect(stdout).toContain('Events go to a pipe or a file as lines of JSON:')
      expect(stdout).toMatch(/ {2}(npx )?rxjs-atproto firehose --host ws:\S+ --cursor/)
      expect(stdout).toMatch(/3 events in /)
      expect(stdout).not.toContain('{')
    },
  )
})
