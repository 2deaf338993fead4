import { signal } from '@angular/core'
import { injectStream, provideAtproto, streamResource } from '../../src/angular/index.js'
import { jetstream$ } from '../../src/index.js'
import { FakePage } from '../browser/page.js'
import { Application } from './application.js'

jest.mock('#socket', () => jest.requireActual('../../src/socket/browser'))
jest.mock('#http', () => jest.requireActual('../../src/http/browser'))

const T0 = 1_767_225_600_000_000
const host = 'wss://jetstream.test/subscribe'
const defaults = provideAtproto({ host, log: false })
const page = new FakePage().aroundEach(() => app.destroy())
let app: Application

beforeEach(() => {
  app = new Application([defaults])
})

describe('injectStream', () => {
  it('has the newest events, and each event outside of the zone, over one connection', () => {
    const seen: unknown[] = []
    const { made, destroy } = app.create(() => {
      const stream = injectStream()
      stream.events$.subscribe({
        next: ({ time_us }) => seen.push([time_us - T0, app.zone.isInside]),
        complete: () => seen.push('|'),
      })
      return stream
    })
    page.socket.open()
    page.socket.receive(T0 + 1)
    expect([made.recent(), made.state(), page.sockets.length]).toEqual([[], 'open', 1])
    page.drawFrame()
    expect(made.recent()).toHaveLength(1)
    destroy()
    expect([seen, page.socket.isClosed]).toEqual([[[1, false], '|'], true])
  })

  it('tells what ends the stream', () => {
    const failed = jest.fn()
    const { made } = app.create(() => injectStream({ collections: ['not a collection'] }))
    made.events$.subscribe({ error: failed })
    const mistake = expect.objectContaining({ code: 'CONFIG' })
    expect(made.error()).toEqual(mistake)
    expect(failed).toHaveBeenCalledWith(mistake)
  })

  it('opens nothing on a server', () => {
    const server = new Application([defaults], 'server')
    const { made } = server.create(() => injectStream())
    const ended = jest.fn()
    made.events$.subscribe({ next: ended, complete: ended, error: ended })
    expect([page.sockets.length, made.recent(), ended.mock.calls]).toEqual([0, [], []])
    server.destroy()
  })
})

describe('streamResource', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  const create = (on: Application, params: () => string | undefined) =>
    on.create(() =>
      streamResource({
        params,
        stream: ({ params, metrics$ }) =>
          jetstream$({ host, collections: [params], metrics$, log: false }),
      }),
    )

  it('has the last value of its stream, and its metrics', async () => {
    const dialled: boolean[] = []
    page.onDial = () => dialled.push(app.zone.isInside)
    const { made, destroy } = create(app, () => 'app.bsky.feed.post')
    await settled()
    expect([made.status(), dialled]).toEqual(['loading', [false]])
    page.socket.open()
    page.socket.receive(T0 + 1)
    await settled()
    // Without `?.`: the question narrows the type, as that of Angular's own resources does.
    const time_us = made.hasValue() ? made.value().time_us : undefined
    expect([made.status(), time_us]).toEqual(['resolved', T0 + 1])
    expect(made.metrics().connection.state).toBe('open')
    destroy()
    expect(page.socket.isClosed).toBe(true)
  })

  it('begins again when a signal changes that its params read', async () => {
    const collection = signal<string | undefined>(undefined)
    const { made } = create(app, collection)
    await settled()
    expect([made.status(), page.sockets.length]).toEqual(['idle', 0])
    collection.set('app.bsky.feed.post')
    app.check()
    await settled()
    collection.set('app.bsky.feed.like')
    app.check()
    await settled()
    expect(page.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false])
    expect(page.socket.params.getAll('wantedCollections')).toEqual(['app.bsky.feed.like'])
  })

  it('has what ends its stream', async () => {
    const { made } = create(app, () => 'not a collection')
    await settled()
    expect(made.status()).toBe('error')
    expect(made.error()).toMatchObject({ code: 'CONFIG' })
  })

  it('is idle on a server', async () => {
    const server = new Application([defaults], 'server')
    const { made } = create(server, () => 'app.bsky.feed.post')
    await settled()
    expect([made.status(), page.sockets.length]).toEqual(['idle', 0])
    server.destroy()
  })
})
