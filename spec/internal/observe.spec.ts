import { Observable, of, range, Subject, type Subscriber, throwError } from 'rxjs'
import { observe, operate } from '../../src/internal/observe.js'

const through = <T>(next: (value: T, destination: Subscriber<T>) => void) =>
  operate<T, T>((source, destination) => {
    observe(
      source,
      destination,
      (value) => next(value, destination),
      () => destination.complete(),
    )
  })

describe('observe', () => {
  it('has a synchronous source hear that its destination has had enough', () => {
    let produced = 0
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed && produced < 1000) subscriber.next(++produced)
    })
    const firstTwo = through<number>((value, destination) => {
      destination.next(value)
      if (value === 2) destination.complete()
    })
    const seen: unknown[] = []
    endless$
      .pipe(firstTwo)
      .subscribe({ next: (value) => seen.push(value), complete: () => seen.push('|') })
    expect([seen, produced]).toEqual([[1, 2, '|'], 2])
  })

  it('makes of what the callback throws an error of the stream, once', () => {
    const seen: unknown[] = []
    const failing = through<number>((value, destination) => {
      if (value === 2) throw new Error('two')
      destination.next(value)
    })
    range(1, 5)
      .pipe(failing)
      .subscribe({ next: (value) => seen.push(value), error: (error) => seen.push(error) })
    expect(seen).toEqual([1, new Error('two')])
  })

  it('passes an error on, unless told what to do with it', () => {
    const seen: unknown[] = []
    throwError(() => 'lost')
      .pipe(through((value, destination) => destination.next(value)))
      .subscribe({ error: (error) => seen.push(error) })
    of(1)
      .pipe(
        operate<number, string>((_, destination) => {
          observe(
            throwError(() => 'lost'),
            destination,
            () => {},
            () => {},
            (error) => destination.next(`met ${error}`),
          )
        }),
      )
      .subscribe((value) => seen.push(value))
    expect(seen).toEqual(['lost', 'met lost'])
  })

  it('is cut with its destination, and takes nothing with it when it ends first', () => {
    const [source$, destination$] = [new Subject<number>(), new Subject<number>()]
    const subscription = source$
      .pipe(through<number>((value, destination) => destination.next(value)))
      .subscribe(destination$)
    expect(source$.observed).toBe(true)
    subscription.unsubscribe()
    expect([source$.observed, destination$.closed]).toEqual([false, false])
  })

  it('can be given up alone', () => {
    const [one$, two$] = [new Subject<number>(), new Subject<number>()]
    const seen: number[] = []
    const switching = operate<number, number>((source, destination) => {
      const first = observe(
        source,
        destination,
        (value) => destination.next(value),
        () => {},
      )
      observe(
        two$,
        destination,
        () => first.unsubscribe(),
        () => destination.complete(),
      )
    })
    one$.pipe(switching).subscribe((value) => seen.push(value))
    one$.next(1)
    two$.next(0)
    one$.next(2)
    expect([seen, one$.observed, two$.observed]).toEqual([[1], false, true])
  })

  it('leaves nothing in the destination of 10,000 that have ended', () => {
    let inner: Subscriber<number> | undefined
    const many = operate<number, number>((source, destination) => {
      inner = destination
      observe(
        source,
        destination,
        (value) =>
          observe(
            of(value),
            destination,
            () => {},
            () => {},
          ),
        () => {},
      )
    })
    range(1, 10_000).pipe(many).subscribe()
    const kept = (inner as unknown as { readonly _finalizers: readonly unknown[] | null })
      ._finalizers
    expect(kept?.length ?? 0).toBeLessThan(5)
  })
})

describe('operate', () => {
  it('gives each subscription a state of its own', () => {
    const counting = operate<string, number>((source, destination) => {
      let count = 0
      observe(
        source,
        destination,
        () => destination.next(++count),
        () => destination.complete(),
      )
    })
    const counts$ = of('a', 'b').pipe(counting)
    const seen: number[] = []
    for (let n = 0; n < 2; n += 1) counts$.subscribe((count) => seen.push(count))
    expect(seen).toEqual([1, 2, 1, 2])
  })
})
