import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Observable } from 'rxjs'
import { firehose$, jetstream$, labels$, listRepos$, tap$ } from 'rxjs-atproto'
import { WebSocket } from 'ws'
import { answer, taskOf } from '../tools/child.js'

/**
 * Reads until the last event, and writes each as JSON, as a sink does. Says `'warm'` before the
 * hostile frame.
 */
export interface HostileReading {
  readonly reader: string
  readonly url: string
  /** How many events come before the hostile frame, and in all at least. */
  readonly warmUp: number
}

export interface HostileCost {
  /** How far the process grew at most. */
  readonly grownBytes: number
  /** The most CPU time that it took between two turns of its event loop. */
  readonly blockedMs: number
  readonly rejects: number
}

const { reader, url, warmUp } = taskOf<HostileReading>()
let rejects = 0
const observed = {
  rejects: {
    next: () => {
      rejects += 1
    },
  },
}
const READERS: Readonly<Record<string, () => Observable<unknown>>> = {
  v1: () => jetstream$({ host: url, wire: 'v1', cursor: 'oldest', ...observed }),
  'v1 lazy': () =>
    jetstream$({ host: url, wire: 'v1', cursor: 'oldest', decode: 'lazy', ...observed }),
  v2: () => jetstream$({ host: url, wire: 'v2', cursor: 'oldest', ...observed }),
  'v2 lazy': () =>
    jetstream$({ host: url, wire: 'v2', cursor: 'oldest', decode: 'lazy', ...observed }),
  tap: () => tap$({ host: url, ...observed }),
  firehose: () => firehose$({ host: url, cursor: 'oldest', ...observed }),
  labels: () => labels$({ host: url, cursor: 'oldest', ...observed }),
  listing: () => listRepos$({ host: url, ...observed }),
  // The control: what a loop around JSON.parse costs.
  bare: () =>
    new Observable((subscriber) => {
      new WebSocket(`${url}?cursor=0`).on('message', (data) =>
        subscriber.next(JSON.parse(String(data))),
      )
    }),
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

let events = 0
let isWarm = false
let before = { rss: 0, peak: 0 }
let blocked = 0
let last = process.cpuUsage()

const tick = () => {
  const spent = process.cpuUsage(last)
  last = process.cpuUsage()
  if (isWarm) blocked = Math.max(blocked, spent.user + spent.system)
}

READERS[reader]?.().subscribe((event) => {
  writeOut(event)
  events += 1
  if (events === warmUp) setTimeout(warm, 100)
  if (events >= warmUp + 1 && isLast(event)) setTimeout(finish, 20)
})

function writeOut(event: unknown): void {
  try {
    JSON.stringify(event)
  } catch (error) {
    // The firehose decodes a record when it is read.
    if (reader !== 'firehose' && reader !== 'bare') throw error
  }
}

/** The good event behind the hostile one. */
function isLast(event: unknown): boolean {
  const { commit, rkey, seq, did } = event as {
    commit?: { rkey: string }
    rkey?: string
    seq?: number
    did?: string
  }
  const place = commit?.rkey ?? rkey ?? seq ?? did?.slice('did:plc:'.length)
  return Number(place) === warmUp + 2
}

function warm(): void {
  collect()
  isWarm = true
  before = { rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 }
  last = process.cpuUsage()
  setInterval(tick, 1)
  answer('warm')
}

function finish(): void {
  tick()
  const peak = process.resourceUsage().maxRSS * 1024
  // What the start of the process took is no growth.
  const grownBytes = (peak > before.peak ? peak : process.memoryUsage.rss()) - before.rss
  answer({ grownBytes, blockedMs: blocked / 1000, rejects } satisfies HostileCost)
}
