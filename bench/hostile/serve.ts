import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fakeFirehose, fakeJetstream, fakeLabels, fakeTap } from 'rxjs-atproto/testing'
import { answer, taskOf } from '../tools/child.js'
import { FRAMES } from './frames.js'
import { GOOD, SHAPES, type Shape } from './shapes.js'

/**
 * Good events, and, when the parent says so, a hostile one and a good one. Answers with its URL.
 */
export interface HostileOffer {
  readonly wire: string
  readonly shape: string
}

export const WARM_UP = 2000

const { wire, shape } = taskOf<HostileOffer>()
const hostile = (SHAPES[shape] as () => Shape)()
const frame = (seq: number, record: Shape): string => FRAMES[wire]?.(seq, record) as string
const bytes = (seq: number, record: Shape): Uint8Array => FRAMES[wire]?.(seq, record) as Uint8Array
const first = <T>(of: (seq: number, record: Shape) => T): T[] =>
  Array.from({ length: WARM_UP }, (_, index) => of(index + 1, GOOD))
const last = <T>(of: (seq: number, record: Shape) => T): T[] => [
  of(WARM_UP + 1, hostile),
  of(WARM_UP + 2, GOOD),
]
const told = () => new Promise<void>((resolve) => process.once('message', () => resolve()))

switch (wire) {
  case 'v1':
  case 'v2': {
    const server = await fakeJetstream({
      events: first(frame),
      stored: 'all',
      firstSeq: 24_000_000_001,
      ...(wire === 'v2' ? { server: 'v2' } : {}),
    })
    answer(wire === 'v2' ? server.host : server.url)
    await told()
    server.emit(...last(frame))
    break
  }
  case 'tap': {
    const server = await fakeTap({ frames: first(frame) })
    answer(server.url)
    await told()
    server.emit(...last(frame))
    break
  }
  case 'firehose': {
    const server = await fakeFirehose({ events: first(bytes), stored: 'all' })
    answer(server.url)
    await told()
    server.emit(...last(bytes))
    break
  }
  case 'labels': {
    // The frame's other label comes through.
    const server = await fakeLabels({ events: first(bytes), stored: 'all' })
    answer(server.url)
    await told()
    server.emit(...last(bytes))
    break
  }
  default:
    await serveListing()
}

/** Page by page: good ones, the hostile one and a good one, each with a repo of its own. */
async function serveListing(): Promise<void> {
  let page = 0
  const hold = told()
  const server = createServer(async (_, response) => {
    page += 1
    if (page === 3) await hold
    const repo = { did: `did:plc:${page}`, head: 'bafy', rev: `${page}` }
    const repos = [...(page === 3 ? [hostile.json] : []), JSON.stringify(repo)]
    response.end(`{${page === 4 ? '' : `"cursor":"${page}",`}"repos":[${repos.join()}]}`)
  }).listen(0, '127.0.0.1', () =>
    answer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  )
}
