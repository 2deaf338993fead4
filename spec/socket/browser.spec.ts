import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BuildOptions } from 'esbuild'
import { filter, firstValueFrom } from 'rxjs'
import { fakeFirehose, fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { commitFrame, posts } from '../sources/firehose/frames.js'
import { bundle, INDEX, temporaryFolder } from './bundle.js'
import { CHROMIUM, openPage } from './chromium.js'

const browser: BuildOptions = { platform: 'browser', conditions: ['browser'], format: 'esm' }

// The five lines, with a cut in between, and a word to the spec.
const PAGE = (host: string) => `
import { filter, map, take, toArray } from 'rxjs'
import { isCommit, jetstream$, streamMetrics, toNative } from 'rxjs-atproto'

const metrics$ = streamMetrics()
const native$ = streamMetrics()
const reconnect = { initialDelayMs: 10 }
// As an Observable of the platform, until twenty have come.
const stop = new AbortController()
const dids = []
const source$ = jetstream$({ host: '${host}', wire: 'v1', cursor: 'oldest', metrics$: native$ })
const native = toNative(source$, Observable)
const readNative = () => native.map(({ did }) => did).subscribe((did) => {
  dids.push(did)
  if (dids.length === 20) stop.abort()
}, stop)
native$.subscribe(({ connection, done, delivered, open }) => {
  if (connection.state !== 'closed' || open > 0) return
  fetch('/report?' + new URLSearchParams({ native: dids.length, done, delivered }))
})
const collections = ['app.bsky.feed.post']
jetstream$({ host: '${host}', wire: 'v1', collections, reconnect, metrics$ })
  .pipe(filter(isCommit), map((event) => event.commit.collection), take(20), toArray())
  .subscribe((seen) => {
    const counts = { events: seen.length, collections: new Set(seen).size }
    fetch('/report?' + new URLSearchParams({ ...counts, reconnects: metrics$.value.reconnects }))
      .then(readNative)
  })
`

// Two frames of one origin take turns as two tabs do.
const TABS = (host: string) => `
import { filter, map, distinctUntilChanged } from 'rxjs'
import { jetstream$, streamMetrics } from 'rxjs-atproto'
import { browserCursorStore, inOneTab } from 'rxjs-atproto/cursors/browser'

const report = (values) => fetch('/report?' + new URLSearchParams(values)).catch(() => {})

function open(tab) {
  const frame = document.body.appendChild(document.createElement('iframe'))
  frame.src = '/?' + tab
  return frame
}

function read(tab) {
  const metrics$ = streamMetrics()
  const store = browserCursorStore({ name: 'feed' })
  const reconnect = { initialDelayMs: 60_000, jitter: 'none' }
  const options = { host: '${host}', wire: 'v1', cursor: 'oldest', reconnect, metrics$ }
  metrics$.pipe(map(({ connection }) => connection.state), distinctUntilChanged())
    .subscribe((state) => {
      report({ tab, state })
      if (state === 'open') parent.postMessage('the first one reads', '*')
    })
  metrics$.pipe(map(({ checkpoint }) => checkpoint !== undefined), distinctUntilChanged())
    .subscribe((stored) => report({ tab, stored }))
  jetstream$({ ...options, checkpoint: { store, everyMs: 50 } })
    .pipe(inOneTab({ name: 'feed' }))
    .subscribe()
}

const tab = location.search.slice(1)
if (tab !== '') read(tab)
else {
  const first = open('first')
  addEventListener('message', () => open('second'), { once: true })
  globalThis.closeFirst = () => first.remove()
}
`

describe('the package in a browser', () => {
  it('is reachable without any module of Node, and without ws', async () => {
    const { inputs, text } = await bundle(
      `export * from ${JSON.stringify(INDEX)}`,
      'browser',
      browser,
    )
    expect(inputs.some((input) => input.endsWith('src/socket/browser.ts'))).toBe(true)
    expect(
      inputs.filter(
        (input) => input.includes('node_modules/ws/') || input.endsWith('socket/node.ts'),
      ),
    ).toEqual([])
    expect(
      builtinModules.filter(
        (name) => text.includes(`"node:${name}"`) || text.includes(`require("${name}")`),
      ),
    ).toEqual([])
  })

  it('would not be bundled with the socket of Node: the check can fail', async () => {
    await expect(bundle(`export * from ${JSON.stringify(INDEX)}`, 'node', browser)).rejects.toThrow(
      /node:|Could not resolve/,
    )
  })

  describe('over a WebSocket of the platform', () => {
    const folder = temporaryFolder()
    afterAll(() => folder[Symbol.dispose]())

    /**
     * Runs a program with the socket of browsers, on the same class as Node has it behind a flag.
     */
    async function run(name: string, contents: string): Promise<unknown> {
      const outfile = join(folder.path, `${name}.cjs`)
      await bundle(contents, 'browser', { platform: 'node', format: 'cjs', write: true, outfile })
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--experimental-websocket', '--no-warnings', outfile],
        {
          timeout: 50_000,
        },
      )
      return JSON.parse(stdout)
    }

    it('reads, and goes on after a cut without loss or repeat', async () => {
      await using server = await fakeJetstream({
        events: 400,
        faults: [{ after: 150, do: 'drop' }],
      })
      const times = await run(
        'reads',
        `import { map, take, toArray } from 'rxjs'
         import { jetstream$ } from 'rxjs-atproto'
         jetstream$({ host: '${server.url}', reconnect: { initialDelayMs: 10 } })
           .pipe(map((event) => event.time_us), take(400), toArray())
           .subscribe((times) => console.log(JSON.stringify(times)))`,
      )
      expect(times).toEqual([...generateEvents({ count: 400 })].map((event) => event.time_us))
      expect(server.fired).toHaveLength(1)
    })

    it('comes back by cursor where it cannot pause', async () => {
      await using server = await fakeJetstream({ events: 2000 })
      const result = await run(
        'pauses',
        `import { take, timer, toArray } from 'rxjs'
         import { boundedMergeMap, jetstream$, streamMetrics } from 'rxjs-atproto'
         const metrics$ = streamMetrics()
         const work = (event) =>
           new Promise((resolve) => setImmediate(() => resolve(event.time_us)))
         jetstream$({ host: '${server.url}', metrics$ })
           .pipe(boundedMergeMap(work, { capacity: 500 }), take(2000), toArray())
           .subscribe((times) => {
             const seen = [new Set(times).size, metrics$.value.reconnects > 0]
             console.log(JSON.stringify(seen))
           })`,
      )
      expect(result).toEqual([2000, true])
    })

    it.each([
      // Not 401: the WebSocket of Node 24 dials a second time by itself then, and that one is let
      // in.
      ['a refusal', { do: 'refuse', status: 403 }, 'CONNECT', {}],
      ['a handshake that hangs', { do: 'hang' }, 'CONNECT_TIMEOUT', { connectTimeoutMs: 200 }],
      ['a close', { do: 'accept-and-drop', code: 1012 }, 'CONNECTION_CLOSED', {}],
    ] as const)(
      'tells %s from the others as far as a browser can',
      async (_, fault, code, config) => {
        await using server = await fakeJetstream({ faults: [{ onConnect: 1, ...fault }] })
        const met = await run(
          code,
          `import { jetstream$ } from 'rxjs-atproto'
         const config = ${JSON.stringify(config)}
         jetstream$({ host: '${server.url}', reconnect: { maxAttempts: 0 }, ...config }).subscribe({
           error: (error) => console.log(JSON.stringify([error.code, error.cause.code])),
         })`,
        )
        expect(met).toEqual(['RECONNECT_EXHAUSTED', code])
      },
    )

    it('passes over a frame of a firehose that is too large, without a reconnect', async () => {
      const large = commitFrame(6, [
        { action: 'create', path: 'a.b.c/large', record: { text: 'x'.repeat(300_000) } },
      ])
      await using server = await fakeFirehose({
        events: [posts(5), large, posts(7)],
        stored: 'all',
      })
      const met = await run(
        'skip',
        `import { map, take, toArray } from 'rxjs'
         import { firehose$ } from 'rxjs-atproto'
         const [gaps, lengths] = [[], []]
         const observers = {
           gaps: { next: (gap) => gaps.push(gap) },
           rejects: { next: ({ frame, length }) => lengths.push([frame.length, length]) },
         }
         firehose$({ host: '${server.url}', cursor: 'oldest', maxFrameBytes: 4000, ...observers })
           .pipe(map(({ cursor }) => cursor), take(2), toArray())
           .subscribe((cursors) => console.log(JSON.stringify([cursors, gaps, lengths])))`,
      )
      expect(met).toMatchObject([
        [5, 7],
        [{ from: 6, to: 6, reason: 'frame-too-large', count: 1 }],
        [[65_536, large.length]],
      ])
      expect(server.attempts).toHaveLength(1)
    })

    it('passes a frame that is too large', async () => {
      const [first, second, third] = [...generateEvents({ count: 3 })].map((event) =>
        JSON.stringify(event),
      ) as [string, string, string]
      const large = second.replace('"kind"', `"padding":"${'x'.repeat(5000)}","kind"`)
      await using server = await fakeJetstream({ events: [first, large, third] })
      const met = await run(
        'large',
        `import { map, take, toArray } from 'rxjs'
         import { jetstream$ } from 'rxjs-atproto'
         const reasons = []
         const gaps = { next: (gap) => reasons.push(gap.reason) }
         const reconnect = { initialDelayMs: 10 }
         jetstream$({ host: '${server.url}', maxFrameBytes: 4000, reconnect, gaps })
           .pipe(map((event) => event.time_us), take(2), toArray())
           .subscribe((times) => console.log(JSON.stringify([times, reasons])))`,
      )
      expect(met).toEqual([
        [JSON.parse(first).time_us, JSON.parse(third).time_us],
        ['frame-too-large'],
      ])
    })
  })

  const missing = !existsSync(CHROMIUM)
  if (missing && process.env.CI === 'true')
    it('runs in chromium', () => expect(`${CHROMIUM} to be installed`).toBe('true'))
  else if (missing)
    process.stderr.write(`skipped: ${CHROMIUM} is not installed, so no program runs in a browser\n`)

  const inChromium = missing ? it.skip : it
  inChromium(
    'reads a Jetstream in chromium, also as an Observable of the platform',
    async () => {
      await using server = await fakeJetstream({
        events: 500,
        faults: [{ after: 10, do: 'close', code: 1012 }],
      })
      const { text } = await bundle(PAGE(server.url), 'browser', browser)
      await using page = await openPage(text)
      expect(await firstValueFrom(page.reports$)).toBe('events=20&collections=1&reconnects=1')
      const [opened] = server.connections
      expect(opened?.headers['user-agent']).toContain('Chrome')
      expect(opened?.headers['sec-websocket-protocol']).toBeUndefined()
      expect(server.fired).toHaveLength(1)
      const native = firstValueFrom(page.reports$.pipe(filter((one) => one.startsWith('native'))))
      expect(await native).toBe('native=20&done=20&delivered=20')
    },
    120_000,
  )

  inChromium(
    'reads in one tab of chromium, not while it is offline, and goes on in the next tab',
    async () => {
      await using server = await fakeJetstream({ events: 300 })
      const host = server.url.replace('127.0.0.1', 'jetstream.test')
      const { text } = await bundle(TABS(host), 'browser', browser)
      await using page = await openPage(text)
      const reported = (report: string) =>
        firstValueFrom(page.reports$.pipe(filter((one) => one === report)))
      const offline = (offline: boolean) =>
        page.send('Network.emulateNetworkConditions', {
          ...{ offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 },
        })
      await reported('tab=first&state=open')
      await reported('tab=first&stored=true')
      await offline(true)
      await server.closed()
      expect(server.attempts).toHaveLength(1)
      // Its next attempt would be in a minute.
      await offline(false)
      await server.when(() => server.connections.length === 2)
      await page.send('Runtime.evaluate', { expression: 'closeFirst()' })
      await reported('tab=second&state=open')
      const cursors = server.attempts.map(({ params }) => params.get('cursor'))
      expect(cursors).toEqual([expect.any(String), expect.any(String), expect.any(String)])
      expect(Number(cursors[2])).toBeGreaterThan(Number(cursors[0]))
    },
    120_000,
  )
})
