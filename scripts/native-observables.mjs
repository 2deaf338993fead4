// Reads a Jetstream as an Observable of RxJS 9, whose beta needs Node 22.13 and is in `folder`:
//
//   npm install --prefix folder rxjs@9.0.0-beta.0 && npm run build
//   node scripts/native-observables.mjs folder
import { deepStrictEqual } from 'node:assert'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { boundedMergeMap, hold, jetstream$, streamMetrics, toNative } from '../dist/index.js'
import { fakeJetstream } from '../dist/testing/index.js'

const [folder] = process.argv.slice(2)
const { resolve: find } = createRequire(join(resolve(folder), 'package.json'))
const rxjs9 = (path) => import(pathToFileURL(find(path)).href)
const { ColdObservable } = await rxjs9('rxjs')
const { filter } = await rxjs9('rxjs/filter')
const { take } = await rxjs9('rxjs/take')

const server = await fakeJetstream({ events: 500, stored: 'all' })
const read = (metrics$, operator = (source$) => source$) =>
  jetstream$({ host: server.url, cursor: 'oldest', log: false, metrics$ }).pipe(operator)

/** Resolves to the counts when nothing is open any more. */
const ended = (metrics$) =>
  new Promise((done) => {
    metrics$.subscribe(({ connection, delivered, done: finished, open }) => {
      if (connection.state === 'closed' && open === 0) done({ delivered, done: finished })
    })
  })

/** Each way of RxJS 9 to read, which must leave nothing open. */
const WAYS = {
  // The class that it puts in place where the platform has none.
  async platform(metrics$) {
    const stop = new AbortController()
    let seen = 0
    let release
    toNative(read(metrics$), Observable).subscribe(() => {
      seen += 1
      // Open, until this observer lets go of it.
      if (seen === 5) release = hold()
      if (seen === 10) stop.abort()
    }, stop)
    await once(stop.signal, 'abort')
    release()
    return seen
  },
  async cold(metrics$) {
    const isCommit = ({ kind }) => kind === 'commit'
    const cold = toNative(read(metrics$), ColdObservable)
    // Its operators are symbols.
    const events = await cold[filter](isCommit)[take](10).toArray()
    return events.filter(isCommit).length
  },
  async worked(metrics$) {
    const work = boundedMergeMap(async ({ did }) => did, { concurrency: 8 })
    const dids = await toNative(read(metrics$, work), Observable).take(10).toArray()
    return dids.filter((did) => did.startsWith('did:')).length
  },
}

for (const [name, way] of Object.entries(WAYS)) {
  const metrics$ = streamMetrics()
  const counts = ended(metrics$)
  deepStrictEqual(await way(metrics$), 10)
  const { delivered, done } = await counts
  console.log(`${name}: 10 events read, ${done} of ${delivered} deliveries done`)
  if (name !== 'worked') deepStrictEqual(done, delivered)
}
await server.close()
