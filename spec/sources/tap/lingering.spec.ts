import { NEVER, Observable, Subject } from 'rxjs'
import type { Connection, Dial, DialOptions } from '../../../src/socket/socket.js'
import { lingering } from '../../../src/sources/tap/lingering.js'

const options: DialOptions = {
  url: 'ws://nowhere',
  connectTimeoutMs: 1,
  maxFrameBytes: 1,
  headers: {},
}
const microtask = () => Promise.resolve()

/** A socket that says what became of it. */
function socket() {
  const calls: string[] = []
  const connection: Connection = {
    frames$: NEVER,
    bytes: 0,
    heard: 0,
    canPause: true,
    send: () => {},
    ping: () => {},
    pause: () => calls.push('paused'),
    resume: () => {},
  }
  const ends$ = new Subject<never>()
  const dial: Dial = () =>
    new Observable((subscriber) => {
      subscriber.next(connection)
      subscriber.add(ends$.subscribe(subscriber))
      return () => calls.push('closed')
    })
  return { calls, dial, ends$ }
}

describe('lingering', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] }))
  afterEach(() => jest.useRealTimers())

  it('keeps a connection, unread, until it is idle', async () => {
    const { calls, dial } = socket()
    const idle$ = new Subject<void>()
    lingering(
      dial,
      () => idle$,
    )(options)
      .subscribe()
      .unsubscribe()
    await microtask()
    expect(calls).toEqual(['paused'])
    idle$.next()
    expect(calls).toEqual(['paused', 'closed'])
    expect(jest.getTimerCount()).toBe(0)
  })

  it('closes it after ten seconds all the same', async () => {
    const { calls, dial } = socket()
    lingering(
      dial,
      () => NEVER,
    )(options)
      .subscribe()
      .unsubscribe()
    await microtask()
    jest.advanceTimersByTime(9999)
    expect(calls).toEqual(['paused'])
    jest.advanceTimersByTime(1)
    expect(calls).toEqual(['paused', 'closed'])
  })

  it('leaves no timer when the server ends it meanwhile', async () => {
    const { calls, dial, ends$ } = socket()
    lingering(
      dial,
      () => NEVER,
    )(options)
      .subscribe()
      .unsubscribe()
    await microtask()
    ends$.error(new Error('the connection closed'))
    expect(calls).toEqual(['paused', 'closed'])
    expect(jest.getTimerCount()).toBe(0)
  })

  it('does not wait with a connection that is not open yet', () => {
    const closed = jest.fn()
    lingering(
      () => new Observable(() => closed),
      () => NEVER,
    )(options)
      .subscribe()
      .unsubscribe()
    expect(closed).toHaveBeenCalled()
  })
})
