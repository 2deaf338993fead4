import { signal } from '@angular/core'
import { Subject } from 'rxjs'
import { liveList, provideAtproto } from '../../src/angular/index.js'
import { ConfigError } from '../../src/index.js'
import { FakePage } from '../browser/page.js'
import { Application } from './application.js'

jest.mock('#socket', () => jest.requireActual('../../src/socket/browser'))
jest.mock('#http', () => jest.requireActual('../../src/http/browser'))

const T0 = 1_767_225_600_000_000
const host = 'wss://jetstream.test/subscribe'
const defaults = { host, log: false } as const
const page = new FakePage().aroundEach(() => app.destroy())
let app: Application

beforeEach(() => {
  app = new Application([provideAtproto(defaults)])
})

const timesOf = (list: () => readonly { readonly time_us: number }[]): readonly number[] =>
  list().map(({ time_us }) => time_us - T0)

describe('liveList', () => {
  it('is a signal of the newest events, the newest first, once a frame', () => {
    const { made: events } = app.create(() => liveList(() => ({}), { limit: 3 }))
    page.socket.open()
    for (const n of [1, 2, 3, 4]) page.socket.receive(T0 + n)
    expect(events()).toEqual([])
    const entered = app.zone.entered
    page.drawFrame()
    expect([timesOf(events), app.zone.entered]).toEqual([[4, 3, 2], entered + 1])
  })

  it('dials and reads outside of the zone, and shows inside', () => {
    const dialled: boolean[] = []
    page.onDial = () => dialled.push(app.zone.isInside)
    const { made: events } = app.create(() => liveList(() => ({}), { by: 'event' }))
    expect(dialled).toEqual([false])
    page.socket.open()
    const entered = app.zone.entered
    page.socket.receive(T0 + 1)
    expect([timesOf(events), app.zone.entered]).toEqual([[1], entered + 1])
  })

  it('has the options of its application, and its own', () => {
    app.create(() => liveList(() => ({ collections: ['app.bsky.feed.post'] })))
    expect(page.socket.url).toContain('jetstream.test')
    expect(page.socket.params.getAll('wantedCollections')).toEqual(['app.bsky.feed.post'])
    app.create(() => liveList(() => ({ host: 'wss://other.test/subscribe' })))
    expect(page.socket.url).toContain('other.test')
  })

  it('begins again, with an empty list, when a signal changes that its config reads', () => {
    const collection = signal('app.bsky.feed.post')
    const { made: events } = app.create(() =>
      liveList(() => ({ collections: [collection()] }), { by: 'event' }),
    )
    page.socket.open()
    page.socket.receive(T0 + 1)
    collection.set('app.bsky.feed.like')
    app.check()
    expect(page.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false])
    expect(page.socket.params.getAll('wantedCollections')).toEqual(['app.bsky.feed.like'])
    expect(events()).toEqual([])
  })

  it('reads nothing while there is no config', () => {
    const isOn = signal(false)
    const { made: events } = app.create(() => liveList(() => (isOn() ? {} : undefined)))
    expect([page.sockets.length, events.state()]).toEqual([0, 'idle'])
    isOn.set(true)
    app.check()
    expect(page.sockets).toHaveLength(1)
    isOn.set(false)
    app.check()
    expect([page.socket.isClosed, events.state()]).toEqual([true, 'idle'])
  })

  it('ends with its component', () => {
    const { destroy } = app.create(() => liveList(() => ({})))
    page.socket.open()
    destroy()
    expect(page.socket.isClosed).toBe(true)
  })

  it('has the state of its connection, and its lag', () => {
    const { made: events } = app.create(() => liveList(() => ({}), { by: 'event' }))
    expect([events.state(), events.lag()]).toEqual(['connecting', undefined])
    page.socket.open()
    expect(events.state()).toBe('open')
  })

  it('has the error of its stream, until its config changes', () => {
    const collection = signal('not a collection')
    const { made: events } = app.create(() => liveList(() => ({ collections: [collection()] })))
    expect(events.error()).toBeInstanceOf(ConfigError)
    collection.set('app.bsky.feed.post')
    app.check()
    expect([events.error(), page.sockets.length]).toEqual([undefined, 1])
  })

  it('refuses a wrong option, and a call outside of an injection context', () => {
    expect(() => app.create(() => liveList(() => ({}), { limit: 0 }))).toThrow(ConfigError)
    expect(() => liveList(() => ({}))).toThrow(/NG0203/)
  })

  it('dials nothing on a server', () => {
    const server = new Application([provideAtproto(defaults)], 'server')
    const { made: events } = server.create(() => liveList(() => ({})))
    expect([page.sockets.length, events(), events.state()]).toEqual([0, [], 'idle'])
    server.destroy()
  })
})

describe('lists that ask for the same', () => {
  it('share one connection, which ends with the last of them', () => {
    const one = app.create(() => liveList(() => ({ kinds: ['identity'], idleTimeoutMs: 9000 })))
    const other = app.create(() => liveList(() => ({ idleTimeoutMs: 9000, kinds: ['identity'] })))
    page.socket.open()
    page.socket.receive(T0 + 1)
    page.drawFrame()
    expect([page.sockets.length, one.made(), other.made()]).toEqual([
      1,
      [expect.objectContaining({ time_us: T0 + 1 })],
      one.made(),
    ])
    one.destroy()
    expect(page.socket.isClosed).toBe(false)
    other.destroy()
    expect(page.socket.isClosed).toBe(true)
    app.create(() => liveList(() => ({ kinds: ['identity'], idleTimeoutMs: 9000 })))
    expect(page.sockets).toHaveLength(2)
  })

  it('are not those with other members, or another subject', () => {
    app.create(() => liveList(() => ({ kinds: ['identity'] })))
    app.create(() => liveList(() => ({ kinds: ['account'] })))
    expect(page.sockets).toHaveLength(2)
    const [one$, other$] = [new Subject<never>(), new Subject<never>()]
    for (const filters$ of [one$, one$, other$]) app.create(() => liveList(() => ({ filters$ })))
    expect(page.sockets).toHaveLength(4)
  })
})

describe('a list that is paused', () => {
  it('stays as it is, and has no connection; it goes on at the cursor', async () => {
    const { made: events } = app.create(() => liveList(() => ({}), { by: 'event' }))
    page.socket.open()
    page.socket.receive(T0 + 1)
    events.pause()
    expect([events.state(), page.socket.isClosed]).toEqual(['paused', true])
    const dialled = page.dialled()
    events.resume()
    await dialled
    expect(page.sockets).toHaveLength(2)
    expect(page.socket.params.get('cursor')).toBe(String(T0 + 1))
    page.socket.open()
    // A server repeats the event at the cursor.
    for (const n of [1, 2]) page.socket.receive(T0 + n)
    expect([events.state(), timesOf(events)]).toEqual(['open', [2, 1]])
  })

  it('holds back no other list on its connection, and has all events when it goes on', () => {
    const { made: events } = app.create(() => liveList(() => ({}), { by: 'event' }))
    const other = app.create(() => liveList(() => ({}), { by: 'event' }))
    page.socket.open()
    page.socket.receive(T0 + 1)
    events.pause()
    page.socket.receive(T0 + 2)
    expect([page.socket.isClosed, timesOf(events), timesOf(other.made)]).toEqual([
      false,
      [1],
      [2, 1],
    ])
    events.resume()
    expect(timesOf(events)).toEqual([2, 1])
    events.pause()
    other.destroy()
    expect(page.socket.isClosed).toBe(true)
  })

  it('dials no more when its component is destroyed, or its config changes', () => {
    const collection = signal('app.bsky.feed.post')
    const component = app.create(() => liveList(() => ({ collections: [collection()] })))
    page.socket.open()
    page.socket.receive(T0 + 1)
    component.made.pause()
    collection.set('app.bsky.feed.like')
    app.check()
    component.destroy()
    expect(page.sockets).toHaveLength(1)
  })
})

describe('a list in a hidden page', () => {
  it('has no connection, and goes on when the page is shown', () => {
    app.create(() => liveList(() => ({})))
    page.socket.open()
    page.socket.receive(T0 + 1)
    page.hide()
    expect(page.socket.isClosed).toBe(true)
    page.show()
    expect(page.socket.params.get('cursor')).toBe(String(T0 + 1))
  })

  it("goes on reading with `whenHidden: 'read'`", () => {
    app.create(() => liveList(() => ({ whenHidden: 'read' })))
    page.socket.open()
    page.socket.receive(T0 + 1)
    page.hide()
    expect(page.socket.isClosed).toBe(false)
  })
})
