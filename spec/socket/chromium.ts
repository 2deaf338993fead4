import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { firstValueFrom, interval, map, ReplaySubject, skipWhile } from 'rxjs'
import { WebSocket } from 'ws'
import { temporaryFolder } from './bundle.js'
import { refusing } from './servers.js'

export const CHROMIUM = '/usr/bin/chromium'

/** A page in a Chromium of its own. */
export interface Page extends AsyncDisposable {
  /** The query of each request for `/report`. */
  readonly reports$: ReplaySubject<string>
  /** Calls a method of Chromium's DevTools for the page. */
  send(method: string, params: object): Promise<unknown>
}

const ZSTD = join(dirname(createRequire(__filename).resolve('@bokuweb/zstd-wasm')), 'zstd.wasm')

/** What the site of a page has: the script, the page, and the decoder beside them. */
const FILES: Readonly<Record<string, (script: string) => [type: string, body: string | Buffer]>> = {
  '/page.js': (script) => ['text/javascript', script],
  '/zstd.wasm': () => ['application/wasm', readFileSync(ZSTD)],
  '/': () => ['text/html', '<script type="module" src="/page.js"></script>'],
}

/** Opens a page that runs `script`. `*.test` is this machine, and yet no loopback address. */
export async function openPage(script: string): Promise<Page> {
  const folder = temporaryFolder()
  const reports$ = new ReplaySubject<string>()
  const site = await refusing((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (pathname === '/report') reports$.next(String(searchParams))
    const [type, body] = FILES[pathname]?.(script) ?? FILES['/']?.(script) ?? []
    response.writeHead(200, { 'content-type': type }).end(body)
  })
  const profile = join(folder.path, 'profile')
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-port=0',
    '--host-resolver-rules=MAP *.test 127.0.0.1',
    `--user-data-dir=${profile}`,
  ]
  // A group, to be killed at once: Chromium's other processes write to its profile when it has
  // ended.
  const chromium = spawn(CHROMIUM, [...flags, site.url.replace('ws', 'http')], {
    stdio: 'ignore',
    detached: true,
  })
  return {
    reports$,
    send: (method, params) => devTools(profile, method, params),
    async [Symbol.asyncDispose]() {
      const ended = once(chromium, 'exit')
      if (chromium.pid !== undefined) process.kill(-chromium.pid, 'SIGKILL')
      await ended
      await site[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const sessions = new Map<string, Promise<WebSocket>>()

async function devTools(profile: string, method: string, params: object): Promise<unknown> {
  // What a session has set is forgotten when it ends.
  const session = sessions.get(profile) ?? openSession(profile)
  sessions.set(profile, session)
  const socket = await session
  socket.send(JSON.stringify({ id: 1, method, params }))
  const [answer] = (await once(socket, 'message')) as [Buffer]
  return JSON.parse(String(answer))
}

async function openSession(profile: string): Promise<WebSocket> {
  const port = join(profile, 'DevToolsActivePort')
  // Chromium tells its port in no other way.
  await firstValueFrom(
    interval(20).pipe(
      map(() => existsSync(port)),
      skipWhile((is) => !is),
    ),
  )
  const [number] = readFileSync(port, 'utf8').split('\n')
  const targets = (await (await fetch(`http://127.0.0.1:${number}/json/list`)).json()) as {
    readonly type: string
    readonly webSocketDebuggerUrl: string
  }[]
  const page = targets.find(({ type }) => type === 'page')
  const socket = new WebSocket(page?.webSocketDebuggerUrl ?? '')
  await once(socket, 'open')
  return socket
}
