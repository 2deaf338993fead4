/**
 * Runs the programs of the cookbook, or those that are named, each in a process of its own against
 * servers on this machine. Each must do what it is for, and end well on SIGTERM.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fakeArchive, fakeJetstream, generateEvents } from 'rxjs-atproto/testing'

interface Program {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What it must print. */
  readonly prints: RegExp
  /** What it must do then. */
  readonly thenDoes?: (printed: RegExpMatchArray) => Promise<void>
}

const ALICE = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
const BOT = 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb'
const LIMIT_MS = 30_000
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

async function untilFeedHas(url: string, uri: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/xrpc/app.bsky.feed.getFeedSkeleton?limit=10`)
    const { feed } = (await response.json()) as { feed: readonly { readonly post: string }[] }
    if (feed.some((entry) => entry.post.startsWith(uri))) return console.log(feed)
    await pause(50)
  }
}

async function run(name: string, { args = [], env, prints, thenDoes }: Program): Promise<void> {
  console.log(`\n--- cookbook/${name}`)
  const folder = mkdtempSync(join(tmpdir(), 'cookbook-'))
  // Its log begins before what any of them asks for.
  const events = [...generateEvents({ count: 200, startUs: (began - DAY_MS) * 1000 })]
  await using jetstream = await fakeJetstream({ events, stored: 'all' })
  await using archive = await fakeArchive({ events: 3000, retainEvents: 100 })
  let posts = 0
  const writing = setInterval(() => {
    jetstream.emit(post(++posts))
    archive.emit(profile(posts))
  }, 100)
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.js`), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      JETSTREAM_HOST: jetstream.url,
      RESOLVER: resolver,
      ARCHIVE_HOST: archive.host,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
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
  clearTimeout(limit)
  clearInterval(writing)
  rmSync(folder, { recursive: true })
  process.stdout.write(text)
  if (code === 0 && child.killed) return
  console.error(`${name} ended with ${code ?? `no end within ${LIMIT_MS} ms`}`)
  process.exitCode = 1
}

/** Answers what a server with one account would. */
const identities = createServer((_, response) => {
  response.end(JSON.stringify({ did: ALICE }))
})
await new Promise<void>((resolve) => identities.listen(0, '127.0.0.1', resolve))
const resolver = `http://127.0.0.1:${(identities.address() as AddressInfo).port}`

const named = process.argv.slice(2)
for (const [name, program] of Object.entries(PROGRAMS))
  if (named.length === 0 || named.includes(name)) await run(name, program)
identities.close()
