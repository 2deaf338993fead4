import { BehaviorSubject, EMPTY, Subject, Subscription, throwError } from 'rxjs'
import { pauseWhenHidden } from '../../src/browser/pause-when-hidden.js'
import { pauseWhile } from '../../src/browser/pause-while.js'
import { jetstream$, streamMetrics } from '../../src/index.js'
import { marbles } from '../../src/testing/marbles.js'
import { FakeSource } from '../operators/fake-source.js'
import { FakePage } from './page.js'

jest.mock('#socket', () => jest.requireActual('../../src/socket/browser'))
jest.mock('#http', () => jest.requireActual('../../src/http/browser'))

const page = new FakePage().aroundEach(() => subscriptions.unsubscribe())
let subscriptions: Subscription

beforeEach(() => {
  subscriptions = new Subscription()
})

describe('pauseWhile', () => {
  const ready = (isHeld = false) => {
    const [book, source$, held$] = [
      new FakeSource(),
      new Subject<number>(),
      new BehaviorSubject(isHeld),
    ]
    const seen: unknown[] = []
    const subscription = source$.pipe(book.deliver(), pauseWhile(held$)).subscribe({
      next: (value) => seen.push(value),
      error: (error: unknown) => seen.push(error),
      complete: () => seen.push('|'),
    })
    subscriptions.add(subscription)
    return { book, source$, held$, seen, subscription }
  }

  it('pauses the source while it is held, once, and resumes it after', () => {
    const { book, source$, held$, seen } = ready()
    source$.next(1)
    held$.next(true)
    held$.next(true)
    // What arrives until the source has stopped.
    source$.next(2)
    expect([seen, book.calls]).toEqual([[1, 2], ['pause']])
    held$.next(false)
    held$.next(false)
    expect(book.calls).toEqual(['pause', 'resume'])
    expect(book.sum).toEqual({ done: 2, dropped: 0, failed: 0, open: 0 })
  })

  it('pauses a source that it knows only by its first event', () => {
    const { book, source$, held$ } = ready()
    held$.next(true)
    expect(book.calls).toEqual([])
    source$.next(1)
    expect(book.calls).toEqual(['pause'])
  })

  it('subscribes to the source when it is first let go', () => {
    const { source$, held$ } = ready(true)
    expect(source$.observed).toBe(false)
    held$.next(false)
    expect(source$.observed).toBe(true)
    held$.next(true)
    held$.next(false)
    expect(source$.observed).toBe(true)
  })

  it('leaves no pause behind when it is unsubscribed, or when the source ends', () => {
    const left = ready()
    left.source$.next(1)
    left.held$.next(true)
    left.subscription.unsubscribe()
    expect([left.book.pauses, left.held$.observed]).toEqual([0, false])
    const ended = ready()
    ended.source$.next(1)
    ended.held$.next(true)
    ended.source$.complete()
    expect([ended.book.pauses, ended.held$.observed, ended.seen]).toEqual([0, false, [1, '|']])
  })

  it('subscribes at once where nothing says that it is held, and ends with what it throws', () => {
    const source$ = new Subject<number>()
    subscriptions.add(source$.pipe(pauseWhile(EMPTY)).subscribe())
    expect(source$.observed).toBe(true)
    const failed = jest.fn()
    const broken$ = throwError(() => 'broken')
    source$.pipe(pauseWhile(broken$)).subscribe({ error: failed })
    expect(failed).toHaveBeenCalledWith('broken')
  })
})

describe('pauseWhenHidden', () => {
  const ready = (options = {}) => {
    const [book, source$] = [new FakeSource(), new Subject<number>()]
    subscriptions.add(source$.pipe(book.deliver(), pauseWhenHidden(options)).subscribe())
    source$.next(1)
    return { book, source$ }
  }

  it('holds the source back while the page is hidden', () => {
    const { book } = ready()
    page.hide()
    page.hide()
    expect(book.calls).toEqual(['pause'])
    page.show()
    expect(book.calls).toEqual(['pause', 'resume'])
  })

  it('subscribes to nothing in a page that is opened hidden', () => {
    page.hide()
    const { source$ } = ready()
    expect(source$.observed).toBe(false)
    page.show()
    expect(source$.observed).toBe(true)
  })

  it(
    'waits for `afterMs`, and forgets a shorter absence',
    marbles(({ cold, expectObservable, flush }) => {
      const { book } = ready({ afterMs: 5 })
      const turn = { h: () => page.hide(), s: () => page.show() }
      const turns$ = cold<() => void>('-h--s---h-----s', turn)
      const calls: unknown[] = []
      subscriptions.add(
        turns$.subscribe((turn) => {
          turn()
          calls.push([...book.calls])
        }),
      )
      expectObservable(EMPTY).toBe('|')
      flush()
      expect(calls).toEqual([[], [], [], ['pause', 'resume']])
    }),
  )

  it('holds nothing back where there is no document', () => {
    page.close()
    const { source$ } = ready()
    expect(source$.observed).toBe(true)
  })

  it('refuses a time that no timer can wait', () => {
    expect(() => pauseWhenHidden({ afterMs: -1 })).toThrow(/`afterMs` must not be negative/)
  })
})

describe('a Jetstream in a hidden page', () => {
  it('has no connection, and goes on at its cursor when the page is shown', () => {
    const metrics$ = streamMetrics()
    const host = 'wss://jetstream.test/subscribe'
    subscriptions.add(
      jetstream$({ host, metrics$, log: false }).pipe(pauseWhenHidden()).subscribe(),
    )
    const [socket] = page.sockets
    socket?.open()
    socket?.receive(1_767_225_600_000_123)
    expect(metrics$.value.connection.state).toBe('open')
    page.hide()
    expect(socket?.isClosed).toBe(true)
    expect(page.sockets).toHaveLength(1)
    page.show()
    expect(page.sockets).toHaveLength(2)
    expect(page.sockets[1]?.params.get('cursor')).toBe('1767225600000123')
  })
})
