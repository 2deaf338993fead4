/**
 * Runs the programs of the cookbook, or those that are named, each in a process of its own against
 * servers on this machine. Each must do what it is for, and end well on SIGTERM.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fakeArchive, fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { redisServer } from '../redis.js'

interface Program {
  readonly args?: readonly string[]
  /** The arguments of a second process of it. */
  readonly beside?: readonly string[]
  /** A line on its stdin. */
  readonly input?: string
  readonly needsRedis?: true
  readonly needsSqlite?: true
  readonly env?: Readonly<Record<string, string>>
  /** What it must print. */
  readonly prints: RegExp
  /** What it must do then. */
  readonly thenDoes?: (printed: RegExpMatchArray) => Promise<void>
}

const ALICE = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const BOT = 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb'
const LIMIT_MS = 120_000
const DAY_MS = 86_400_000
const began = Date.now()

const PROGRAMS: Readonly<Record<string, Program>> = {
  'first-bot': { env: { BOT_DID: BOT }, prints: new RegExp(`would answer at://${ALICE}/.+`) },
  'feed-generator': {
    env: { PORT: '0' },
    prints: /listening on .*port: (\d+)/s,
    thenDoes: ([, port]) => untilFeedHas(`http://127.0.0.1:${port}`, `at://${ALICE}/`),
  },
  labeler: { prints: new RegExp(`shouting at://${ALICE}/.+`) },
  'typed-records': { prints: /\[\] @BOT, RXJS FOR EVERYBODY/ },
  'whole-collection': { prints: /live, with the profiles of \d{2,} accounts/ },
  prometheus: {
    env: { METRICS_PORT: '0' },
    prints: /metrics on .*port: (\d+)/s,
    thenDoes: ([, port]) =>
      untilPageHas(`http://127.0.0.1:${port}/metrics`, /events_done_total\{stream="feed"\} [1-9]/),
  },
  'health-checks': {
    env: { HEALTH_PORT: '0' },
    prints: /health on .*port: (\d+)/s,
    thenDoes: async ([, port]) => {
      await untilPageHas(`http://127.0.0.1:${port}/healthz`, /"healthy":true,.*"posts":[1-9]/)
      await untilPageHas(`http://127.0.0.1:${port}/readyz`, /"healthy":true/)
    },
  },
  'changing-the-filter': {
    args: [BOT],
    input: ALICE,
    prints: new RegExp(`following 2\\n.*${ALICE} create`, 's'),
  },
  'second-process': {
    args: ['work', 'one'],
    beside: ['write'],
    needsRedis: true,
    prints: new RegExp(`one ${ALICE} 3mbd`),
  },
  'rows-and-position': {
    needsSqlite: true,
    prints: /\d+ posts and their position are stored/,
  },
  deletes: { prints: new RegExp(`no longer liked at://${ALICE}/`) },
  handles: { args: ['alice.test'], prints: /alice\.test create app\.bsky\.feed\.post/ },
}

/** A TID. */
const keyOf = (n: number): string =>
  `3mbd${n.toString(2).padStart(9, '0').replaceAll('0', 'a').replaceAll('1', 'b')}`

/** A post that each program looks for something in. */
const post = (n: number) =>
  ({
    did: ALICE,
    time_us: Date.now() * 1000,
    kind: 'commit',
    commit: {
      rev: keyOf(n),
      operation: 'create',
      collection: 'app.bsky.feed.post',
      rkey: keyOf(n),
      record: {
        $type: 'app.bsky.feed.post',
        text: '@BOT, RXJS FOR EVERYBODY',
        createdAt: new Date().toISOString(),
        facets: [
          {
            index: { byteStart: 0, byteEnd: 4 },
            features: [{ $type: 'app.bsky.richtext.facet#mention', did: BOT }],
          },
        ],
      },
      cid: 'bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    },
  }) as const

const profile = (n: number) => {
  const { commit, ...event } = post(n)
  return { ...event, commit: { ...commit, collection: 'app.bsky.actor.profile', rkey: 'self' } }
}

/** A like of one of those posts, and its delete. */
function likes(n: number) {
  const { commit, ...event } = post(n)
  const { record: _, cid, ...path } = { ...commit, collection: 'app.bsky.feed.like' }
  const subject = { uri: `at://${ALICE}/app.bsky.feed.post/${keyOf(n)}`, cid }
  const record = { $type: 'app.bsky.feed.like', subject, createdAt: new Date().toISOString() }
  return [
    { ...event, commit: { ...path, cid, record } },
    { ...event, commit: { ...path, operation: 'delete' } },
  ] as const
}

async function untilPageHas(url: string, text: RegExp): Promise<void> {
  for (;;) {
    const page = await (await fetch(url)).text()
    if (text.test(page)) return console.log(text.exec(page)?.[0])
    await pause(50)
  }
}

async function untilFeedHas(url: string, uri: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/xrpc/app.bsky.feed.getFeedSkeleton?limit=10`)
    const { feed } = (await response.json()) as { feed: readonly { readonly post: string }[] }
    if (feed.some((entry) => entry.post.startsWith(uri))) return console.log(feed)
    await pause(50)
  }
}

async function run(name: string, program: Program): Promise<void> {
  console.log(`\n--- cookbook/${name}`)
  const redis = program.needsRedis && (await redisServer())
  if (program.needsSqlite && !('sqlite' in process.versions))
    return console.log('not run: this Node has no SQLite')
  if (program.needsRedis && redis === undefined)
    return console.log('not run: there is no redis-server')
  const folder = mkdtempSync(join(tmpdir(), 'cookbook-'))
  // Its log begins before what any of them asks for.
  const events = [...generateEvents({ count: 200, startUs: (began - DAY_MS) * 1000 })]
  await using jetstream = await fakeJetstream({ events, stored: 'all' })
  await using archive = await fakeArchive({ events: 3000, retainEvents: 100 })
  let posts = 0
  const writing = setInterval(() => {
    jetstream.emit(post(++posts))
    for (const event of likes(posts)) jetstream.emit(event)
    archive.emit(profile(posts))
  }, 100)
  const servers = {
    JETSTREAM_HOST: jetstream.url,
    RESOLVER: resolver,
    ATP_PLC_HOST: resolver,
    ARCHIVE_HOST: archive.host,
    ...(redis && { REDIS_URL: redis.url }),
  }
  const ended = await outcome(name, program, { cwd: folder, env: { ...process.env, ...servers } })
  clearInterval(writing)
  redis?.close()
  rmSync(folder, { recursive: true })
  if (ended === undefined) return
  console.error(`${name} ended with ${ended}`)
  process.exitCode = 1
}

/** Runs a program until it has done what it is for. Returns how it failed. */
async function outcome(
  name: string,
  { args = [], beside, input, env, prints, thenDoes }: Program,
  place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string | undefined> {
  const options = { ...place, env: { ...place.env, ...env } }
  const command = join(import.meta.dirname, `${name}.js`)
  const start = (more: readonly string[]) =>
    spawn(process.execPath, [command, ...more], { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
  const child = start(args)
  if (input !== undefined) child.stdin.write(`${input}\n`)
  const other = beside && start(beside)
  const otherEnded = other && once(other, 'exit')
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    const printed = text.match(prints)
    if (printed === null || child.killed) continue
    await thenDoes?.(printed)
    child.kill('SIGTERM')
  }
  const code = await ended
  other?.kill('SIGTERM')
  await otherEnded
  clearTimeout(limit)
  process.stdout.write(text)
  if (code === 0 && child.killed) return undefined
  return String(code ?? `no end within ${LIMIT_MS} ms`)
}

/** Answers what a server with one account, and the directory of DIDs, would. */
const identities = createServer(({ url = '' }, response) => {
  const document = { id: ALICE, alsoKnownAs: ['at://alice.test'] }
  response.end(JSON.stringify(url.startsWith('/did:') ? document : { did: ALICE }))
})
await new Promise<void>((resolve) => identities.listen(0, '127.0.0.1', resolve))
const resolver = `http://127.0.0.1:${(identities.address() as AddressInfo).port}`

const named = process.argv.slice(2)
for (const [name, program] of Object.entries(PROGRAMS))
  if (named.length === 0 || named.includes(name)) await run(name, program)
identities.close()
