import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { firstValueFrom } from 'rxjs'
import { dial } from '../../src/socket/node.js'
import { fakeJetstream, generateEvents } from '../../src/testing/index.js'
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js'
import { Changes } from '../../src/testing/server/changes.js'
import { program, temporaryFolder } from './bundle.js'
import { Dialling } from './dialling.js'
import { refusing, tcpServer, wsServer } from './servers.js'

// Unsubscribes in the state that it is told, and has no other way to end than by having nothing
// left to do.
const CHILD = `
import { firstValueFrom, filter } from 'rxjs'
import { boundedMergeMap, jetstream$, memoryCursorStore, streamMetrics } from 'rxjs-atproto'

const [host, state, work] = process.argv.slice(2)
const metrics$ = streamMetrics()
const reconnect = { jitter: 'none', initialDelayMs: 60_000 }
const config = { host, metrics$, checkpoint: memoryCursorStore(), reconnect }
const project = () => (work === 'never' ? new Promise(() => {}) : [])
const events$ = jetstream$(config).pipe(boundedMergeMap(project, { capacity: 8 }))
const subscription = events$.subscribe()
const reached = state === 'receiving' ? (m) => m.delivered > 0 : (m) => m.connection.state === state
firstValueFrom(metrics$.pipe(filter(reached))).then(() => {
  // What a state only begins with is on its way a turn later.
  setTimeout(() => {
    const at = performance.now()
    subscription.unsubscribe()
    process.on('exit', () => {
      const left = process.getActiveResourcesInfo()
      const { state } = metrics$.value.connection
      console.log(JSON.stringify({ afterMs: performance.now() - at, left, state }))
    })
  }, 50)
})
`

interface Ended {
  readonly afterMs: number
  readonly left: readonly string[]
  readonly state: string
}

describe('unsubscription', () => {
  const folder = temporaryFolder()
  let child: string
  beforeAll(async () => {
    child = await program(folder.path, 'unsubscribe', CHILD)
  })
  afterAll(() => folder[Symbol.dispose]())

  /** Runs the child; one that does not end by itself is killed, and the promise rejects. */
  async function run(host: string, state: string, work = 'none'): Promise<Ended> {
    const { stdout } = await promisify(execFile)(process.execPath, [child, host, state, work], {
      timeout: 50_000,
    })
    return JSON.parse(stdout) as Ended
  }

  const expectClean = ({ afterMs, left, state }: Ended) => {
    expect(state).toBe('closed')
    expect(left.filter((resource) => /TCP|Timeout|Immediate|DNS|GetAddr/.test(resource))).toEqual(
      [],
    )
    // Our close frame is waited for a second; `ws` by itself waits for 30.
    expect(afterMs).toBeLessThan(15_000)
  }

  it('leaves nothing while it connects', async () => {
    let accepted = 0
    await using server = await tcpServer(() => {
      accepted += 1
    })
    expectClean(await run(server.url, 'connecting'))
    expect(accepted).toBe(1)
  })

  it('leaves nothing while it reads a refusal', async () => {
    await using server = await refusing((_request, response) => {
      response.writeHead(500).write('and so on')
    })
    expectClean(await run(server.url, 'connecting'))
  })

  it('leaves nothing of an open connection, and says goodbye', async () => {
    await using server = await fakeJetstream({ events: 10 })
    expectClean(await run(server.url, 'open'))
    expect((await server.closed()).closed).toEqual({ code: 1000, reason: '' })
  })

  it('leaves nothing of a connection in full flow', async () => {
    await using server = await fakeJetstream({ events: generateEvents(), retainEvents: 1000 })
    expectClean(await run(server.url, 'receiving'))
  })

  it('leaves nothing of a paused connection', async () => {
    await using server = await fakeJetstream({ events: generateEvents({ count: 20_000 }) })
    expectClean(await run(server.url, 'paused', 'never'))
  })

  it('leaves nothing while it waits for the next attempt', async () => {
    await using server = await wsServer((ws) => ws.close(1012))
    expectClean(await run(server.url, 'waiting'))
  })

  it('leaves nothing when the server does not answer the close', async () => {
    await using server = await fakeJetstream({ events: 1 })
    await using proxy = await faultProxy({ target: server.url })
    const ended = run(proxy.url, 'receiving')
    await proxy.when(() => proxy.bytesDown > 200)
    proxy.set({ halfOpen: true })
    expectClean(await ended)
    expect(proxy.fired).toContain('halfOpen')
  })
})

describe('a dial that is unsubscribed', () => {
  const options = { connectTimeoutMs: 5000, maxFrameBytes: 1000, headers: {} }

  it('in its own `next` closes the socket', async () => {
    const changes = new Changes()
    let code: number | undefined
    await using server = await wsServer((ws) =>
      ws.on('close', (closed) => {
        code = closed
        changes.notify()
      }),
    )
    await firstValueFrom(dial({ ...options, url: server.url }))
    await changes.when(() => code !== undefined)
    expect(code).toBe(1000)
  })

  it('in the call that subscribed it reports nothing', async () => {
    const error = jest.fn()
    await using server = await wsServer(() => undefined)
    dial({ ...options, url: server.url })
      .subscribe({ error })
      .unsubscribe()
    using other = new Dialling(server.url)
    await other.opened()
    expect(error).not.toHaveBeenCalled()
  })
})
