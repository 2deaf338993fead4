import { Subscriber } from 'rxjs'
import { BatchDelivery, THIS_COPY } from '../../src/delivery/delivery.js'
import { CursorStoreError, RedisRefusedError, RedisUnavailableError } from '../../src/errors.js'
import { Sources } from '../../src/operators/sources.js'
import { FakeSource } from './fake-source.js'
import { settled } from './virtual-clock.js'

/** What an operator sees of values of these books. */
const from = (...books: readonly FakeSource[]) =>
  new BatchDelivery(
    books.map((book) => ({
      copy: THIS_COPY,
      place: undefined,
      hold: () => {},
      release: () => {},
      queued: () => {},
      eachSource: (visit) => visit(book),
    })),
  )

const listening = () => {
  const seen: unknown[] = []
  return {
    seen,
    destination: new Subscriber<unknown>({
      next: () => {},
      error: (error: unknown) => seen.push(error),
      complete: () => seen.push('|'),
    }),
  }
}

describe('Sources', () => {
  it('pauses and resumes each source once, however often it was noted, paused or resumed', () => {
    const [one, two, sources] = [new FakeSource(), new FakeSource(), new Sources()]
    sources.note(from(one, two, one))
    sources.note(from(one))
    for (const call of ['resume', 'pause', 'pause', 'resume', 'resume'] as const) sources[call]()
    expect([one.calls, two.calls]).toEqual([
      ['pause', 'resume'],
      ['pause', 'resume'],
    ])
  })

  it('pauses a source that comes while the others are paused', () => {
    const [one, two, sources] = [new FakeSource(), new FakeSource(), new Sources()]
    sources.note(from(one))
    sources.pause()
    sources.note(from(two))
    sources.pause()
    sources.resume()
    expect([one.calls, two.calls]).toEqual([
      ['pause', 'resume'],
      ['pause', 'resume'],
    ])
  })

  it('is not confused by a source that answers a resume with more values', () => {
    const [book, sources] = [new FakeSource(), new Sources()]
    sources.note(from(book))
    sources.pause()
    book.onResume = () => {
      book.onResume = () => {}
      sources.pause()
    }
    sources.resume()
    expect([book.calls, book.pauses]).toEqual([['pause', 'resume', 'pause'], 1])
    sources.resume()
    expect(book.pauses).toBe(0)
  })

  it('forgets sources that have ended when another one comes', () => {
    const [one, two, sources] = [new FakeSource(), new FakeSource(), new Sources()]
    sources.note(from(one))
    one.closed = true
    sources.note(from(two))
    sources.pause()
    expect([one.calls, two.calls]).toEqual([[], ['pause']])
  })

  it('completes at once where no source has anything to save', () => {
    const [sources, { seen, destination }] = [new Sources(), listening()]
    sources.note(from(new FakeSource()))
    sources.complete(destination)
    expect(seen).toEqual(['|'])
  })

  it('completes when every source has saved', async () => {
    const [one, two, sources, { seen, destination }] = [
      new FakeSource(),
      new FakeSource(),
      new Sources(),
      listening(),
    ]
    const ends: (() => void)[] = []
    for (const book of [one, two]) book.saving = new Promise<void>((resolve) => ends.push(resolve))
    sources.note(from(one, two))
    sources.complete(destination)
    ends[0]?.()
    await settled()
    expect(seen).toEqual([])
    ends[1]?.()
    await settled()
    expect(seen).toEqual(['|'])
  })

  describe('a last save that fails', () => {
    beforeEach(() => {
      jest.useFakeTimers()
    })
    afterEach(() => {
      jest.useRealTimers()
    })
    const away = new CursorStoreError('could not save', {
      cause: new RedisUnavailableError('away', 'CONNECTION'),
    })
    /** Of one source, whose saves fail so often. */
    const saving = (failures: number, error: Error) => {
      const [source, sources, listener] = [new FakeSource(), new Sources(), listening()]
      const flush = jest.spyOn(source, 'flush').mockImplementation(async () => {
        if (flush.mock.calls.length <= failures) throw error
      })
      sources.note(from(source))
      sources.complete(listener.destination)
      return { ...listener, flush }
    }

    it('is tried again while the store says that it will pass', async () => {
      const { seen, flush } = saving(3, away)
      await jest.advanceTimersByTimeAsync(2999)
      expect([flush.mock.calls.length, seen]).toEqual([3, []])
      await jest.advanceTimersByTimeAsync(1)
      expect([flush.mock.calls.length, seen]).toEqual([4, ['|']])
    })

    it('is an error where it will not pass', async () => {
      const refused = new CursorStoreError('could not save', {
        cause: new RedisRefusedError('no right', 'NOPERM'),
      })
      const { seen, flush } = saving(1, refused)
      await jest.advanceTimersByTimeAsync(5000)
      expect([flush.mock.calls.length, seen]).toEqual([1, [refused]])
    })

    it('is not tried again after the unsubscription', async () => {
      const { destination, flush } = saving(3, away)
      await jest.advanceTimersByTimeAsync(500)
      destination.unsubscribe()
      expect(jest.getTimerCount()).toBe(0)
      expect(flush).toHaveBeenCalledTimes(1)
    })
  })
})
