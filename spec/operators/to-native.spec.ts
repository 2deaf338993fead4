import { from, range, Subject, tap, throwError } from 'rxjs'
import { hold } from '../../src/delivery/delivery.js'
import { type NativeSubscriber, toNative } from '../../src/operators/to-native.js'
import { FakeSource } from './fake-source.js'

interface Observer<T> {
  next?(value: T): void
  error?(error: unknown): void
  complete?(): void
}

/** What the specification says of one observer. `spec/socket/browser.spec.ts` has the real one. */
class Native<T> {
  constructor(private readonly start: (subscriber: NativeSubscriber<T>) => void) {}

  subscribe(observer: Observer<T>, { signal }: { signal?: AbortSignal } = {}): void {
    const teardowns: (() => void)[] = []
    let isActive = true
    const end = () => {
      isActive = false
      for (const teardown of teardowns.reverse()) teardown()
    }
    signal?.addEventListener('abort', () => isActive && end())
    this.start({
      addTeardown: (teardown) => void teardowns.push(teardown),
      next: (value) => isActive && observer.next?.(value),
      error: (error) => {
        if (!isActive) return
        end()
        observer.error?.(error)
      },
      complete: () => {
        if (!isActive) return
        end()
        observer.complete?.()
      },
    })
  }
}

describe('toNative', () => {
  it('ends a delivery when the observer returns, or lets go of it', () => {
    const book = new FakeSource()
    const releases: (() => void)[] = []
    const native = toNative(from('ab').pipe(book.deliver()), Native<string>)
    native.subscribe({
      next: (value) => {
        expect(book.ends).toEqual(value === 'a' ? [] : ['a done'])
        if (value === 'b') releases.push(hold())
      },
    })
    expect(book.ends).toEqual(['a done'])
    for (const release of releases) release()
    expect(book.ends).toEqual(['a done', 'b done'])
  })

  it('unsubscribes when the signal is aborted', () => {
    const source$ = new Subject<number>()
    const [stop, seen] = [new AbortController(), [] as number[]]
    toNative(source$, Native<number>).subscribe({ next: (value) => void seen.push(value) }, stop)
    source$.next(1)
    stop.abort()
    expect(source$.observed).toBe(false)
    source$.next(2)
    expect(seen).toEqual([1])
  })

  it('leaves a synchronous source while it emits', () => {
    const [stop, seen] = [new AbortController(), [] as number[]]
    let emitted = 0
    const source$ = range(1, 50_000).pipe(
      tap((value) => {
        emitted = value
      }),
    )
    const next = (value: number) => {
      seen.push(value)
      if (value === 3) stop.abort()
    }
    toNative(source$, Native<number>).subscribe({ next }, stop)
    expect([seen, emitted]).toEqual([[1, 2, 3], 3])
  })

  it('completes and errors with the source', () => {
    const ends: unknown[] = []
    toNative(from('a'), Native<string>).subscribe({ complete: () => void ends.push('complete') })
    const broken$ = throwError(() => new Error('broken'))
    toNative(broken$, Native<string>).subscribe({ error: (error) => void ends.push(error) })
    expect(ends).toEqual(['complete', new Error('broken')])
  })
})
