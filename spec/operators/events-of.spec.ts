import { concat, EMPTY, from, NEVER, range, Subject, throwError } from 'rxjs'
import { ConfigError, eventsOf, toWebStream } from '../../src/index.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

describe('eventsOf', () => {
  it('gives each value in order, and ends with the source', async () => {
    const seen: number[] = []
    for await (const value of eventsOf(range(1, 2000))) seen.push(value)
    expect(seen).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1))
  })

  it('ends the delivery of a value when the next one is asked for, and not before', async () => {
    const book = new FakeSource()
    const events = eventsOf(concat(from('ab'), NEVER).pipe(book.deliver()))
    expect(await events.next()).toEqual({ done: false, value: 'a' })
    await settled()
    expect(book.ends).toEqual([])
    expect(await events.next()).toEqual({ done: false, value: 'b' })
    expect(book.ends).toEqual(['a done'])
    expect(book.sum).toEqual({ done: 1, dropped: 0, failed: 0, open: 1 })
    await events.return?.()
    expect(book.ends).toEqual(['a done', 'b failed'])
  })

  it('subscribes when the first value is asked for', async () => {
    const source$ = new Subject<number>()
    const events = eventsOf(source$)
    expect(source$.observed).toBe(false)
    const first = events.next()
    expect(source$.observed).toBe(true)
    source$.next(1)
    expect((await first).value).toBe(1)
    await events.return?.()
    expect(source$.observed).toBe(false)
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it('pauses the source at `capacity`, and drops under a drop policy', async () => {
    const book = new FakeSource()
    const all$ = concat(from('abcde'), NEVER)
    const events = eventsOf(all$.pipe(book.deliver()), { capacity: 2 })
    await events.next()
    expect(book.calls[0]).toBe('pause')
    await events.return?.()
    const dropping = new FakeSource()
    const newest = eventsOf(all$.pipe(dropping.deliver()), {
      capacity: 2,
      overflow: 'drop-newest',
    })
    await newest.next()
    expect(dropping.sum).toMatchObject({ dropped: 2 })
    await newest.return?.()
  })

  it('leaves the value of the body undone where the loop is left', async () => {
    const book = new FakeSource()
    for await (const value of eventsOf(from('abc').pipe(book.deliver()))) if (value === 'b') break
    expect(book.ends).toEqual(['a done', 'c failed', 'b failed'])
  })

  it('throws the error of the source once, after the values before it', async () => {
    const failing$ = concat(
      from('a'),
      throwError(() => new Error('broken')),
    )
    const events = eventsOf(failing$)
    // The error does not wait for the loop, as it does not wait for any queue.
    await expect(events.next()).resolves.toEqual({ done: false, value: 'a' })
    await expect(events.next()).rejects.toThrow('broken')
    await expect(events.next()).resolves.toEqual({ done: true, value: undefined })
  })

  it('answers several calls at once, each with a value of its own', async () => {
    const book = new FakeSource()
    const events = eventsOf(concat(from('abc'), NEVER).pipe(book.deliver()))
    const results = await Promise.all([events.next(), events.next(), events.next()])
    expect(results.map(({ value }) => value)).toEqual(['a', 'b', 'c'])
    expect(book.ends).toEqual(['a done', 'b done'])
    await events.return?.()
  })

  it('answers calls that wait, as values come', async () => {
    const [book, source$] = [new FakeSource(), new Subject<string>()]
    const events = eventsOf(source$.pipe(book.deliver()))
    const results = [events.next(), events.next()]
    for (const value of 'abc') source$.next(value)
    expect((await Promise.all(results)).map(({ value }) => value)).toEqual(['a', 'b'])
    expect(book.ends).toEqual(['a done'])
    await events.return?.()
  })

  it('ends a call that waits where it is left meanwhile', async () => {
    const events = eventsOf(NEVER)
    const waiting = events.next()
    await events.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  it('refuses options that are not its own at the call', () => {
    expect(() => eventsOf(EMPTY, { concurrency: 2 } as never)).toThrow(ConfigError)
  })
})

describe('toWebStream', () => {
  it('ends a delivery when the reader asks for the next value, and takes none ahead', async () => {
    const book = new FakeSource()
    const reader = toWebStream(from('abc').pipe(book.deliver())).getReader()
    expect(await reader.read()).toEqual({ done: false, value: 'a' })
    await settled()
    expect(book.ends).toEqual([])
    expect((await reader.read()).value).toBe('b')
    expect(book.ends).toEqual(['a done'])
    await reader.cancel()
    expect(book.ends).toEqual(['a done', 'c failed', 'b failed'])
  })

  it('closes with the source, and errors with it', async () => {
    const reader = toWebStream(from('a')).getReader()
    await reader.read()
    expect(await reader.read()).toEqual({ done: true, value: undefined })
    const broken = toWebStream(throwError(() => new Error('broken'))).getReader()
    await expect(broken.read()).rejects.toThrow('broken')
  })

  it('unsubscribes when it is cancelled while it waits', async () => {
    const source$ = new Subject<string>()
    const reader = toWebStream(source$).getReader()
    const waiting = reader.read()
    await settled()
    expect(source$.observed).toBe(true)
    await reader.cancel()
    expect(source$.observed).toBe(false)
    expect((await waiting).done).toBe(true)
  })
})
