import { filter, firstValueFrom, type Subscription } from 'rxjs'
import { jetstream$, listRepos$, type StreamMetrics, streamMetrics } from '../../src/index.js'

jest.mock('#socket', () => jest.requireActual('../../src/socket/browser'))
jest.mock('#http', () => jest.requireActual('../../src/http/browser'))

/** A WebSocket that does what the spec says, and nothing by itself. */
class FakeSocket {
  static readonly OPEN = 1
  static all: FakeSocket[] = []
  onopen: (() => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  isClosed = false

  constructor(readonly url: string) {
    FakeSocket.all.push(this)
  }

  close(): void {
    this.isClosed = true
  }
}

let requests = 0
const refusedFetch = async (): Promise<Response> => {
  requests += 1
  throw new TypeError('Failed to fetch')
}

const page = new EventTarget()
const pageDocument = Object.assign(new EventTarget(), { visibilityState: 'visible' })
const pageNavigator = { onLine: true }
const globals = {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
  document: pageDocument,
  navigator: pageNavigator,
  WebSocket: FakeSocket,
  fetch: refusedFetch,
}
const before = Object.keys(globals).map(
  (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
)

let metrics$: ReturnType<typeof streamMetrics>
let reading: Subscription

function read(host = 'wss://jetstream.test/subscribe'): void {
  metrics$ = streamMetrics()
  const reconnect = { initialDelayMs: 60_000, jitter: 'none' } as const
  reading = jetstream$({ host, reconnect, metrics$, log: false }).subscribe()
}

const state = (): StreamMetrics['connection']['state'] => metrics$.value.connection.state

function goOffline(): void {
  pageNavigator.onLine = false
  page.dispatchEvent(new Event('offline'))
}

function goOnline(): void {
  pageNavigator.onLine = true
  page.dispatchEvent(new Event('online'))
}

beforeAll(() => {
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { configurable: true, value })
})

beforeEach(() => {
  FakeSocket.all = []
  pageNavigator.onLine = true
  pageDocument.visibilityState = 'visible'
})

afterEach(() => reading.unsubscribe())

afterAll(() => {
  for (const [name, descriptor] of before)
    if (descriptor === undefined) Reflect.deleteProperty(globalThis, name)
    else Object.defineProperty(globalThis, name, descriptor)
})

describe('a page', () => {
  it('dials nothing while it is offline, and at once when it is online', () => {
    goOffline()
    read()
    expect(FakeSocket.all).toEqual([])
    goOnline()
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('reaches its own machine also while it is offline', () => {
    goOffline()
    read('ws://localhost:6008/subscribe')
    expect(FakeSocket.all).toHaveLength(1)
    FakeSocket.all[0]?.onopen?.()
    goOffline()
    expect(state()).toBe('open')
  })

  it('takes a connection for lost when it goes offline, and dials when it is online again', () => {
    read()
    FakeSocket.all[0]?.onopen?.()
    expect(state()).toBe('open')
    goOffline()
    expect(state()).toBe('waiting')
    expect(FakeSocket.all[0]?.isClosed).toBe(true)
    expect(metrics$.value.connection).toMatchObject({
      reason: { code: 'CONNECTION_CLOSED', message: expect.stringContaining('from the network') },
    })
    goOnline()
    expect(FakeSocket.all).toHaveLength(2)
  })

  it('that is restored from the back/forward cache takes its connection for lost', () => {
    read()
    FakeSocket.all[0]?.onopen?.()
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(FakeSocket.all[0]?.isClosed).toBe(true)
  })

  it.each([
    ['is online again', page, new Event('online')],
    ['is visible again', pageDocument, new Event('visibilitychange')],
    ['is no longer frozen', pageDocument, new Event('resume')],
    ['is restored', page, Object.assign(new Event('pageshow'), { persisted: true })],
  ])('dials at once when it %s, instead of waiting for a minute', (_, target, event) => {
    read()
    FakeSocket.all[0]?.onclose?.({ code: 1006, reason: '' })
    expect(state()).toBe('waiting')
    target.dispatchEvent(event)
    expect(FakeSocket.all).toHaveLength(2)
  })

  it.each([
    ['hidden', pageDocument, new Event('visibilitychange')],
    ['loaded', page, Object.assign(new Event('pageshow'), { persisted: false })],
  ])('goes on waiting when it is %s', (_, target, event) => {
    read()
    FakeSocket.all[0]?.onclose?.({ code: 1006, reason: '' })
    pageDocument.visibilityState = 'hidden'
    target.dispatchEvent(event)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('lists nothing while it is offline, and goes on at once when it is online', async () => {
    requests = 0
    goOffline()
    metrics$ = streamMetrics()
    const reconnect = { initialDelayMs: 60_000, jitter: 'none' } as const
    reading = listRepos$({ host: 'relay.test', reconnect, metrics$, log: false }).subscribe()
    expect(requests).toBe(0)
    goOnline()
    expect(requests).toBe(1)
    await firstValueFrom(metrics$.pipe(filter(({ connection }) => connection.state === 'waiting')))
    page.dispatchEvent(new Event('online'))
    expect(requests).toBe(2)
  })
})
