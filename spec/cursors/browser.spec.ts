import { NEVER, Observable, Subject } from 'rxjs'
import { browserCursorStore, inOneTab } from '../../src/cursors/browser.js'
import { ConfigError } from '../../src/errors.js'
import { describeCursorStore } from '../../src/testing/describe-cursor-store.js'

/** A `localStorage`, as a page has it: text by text, and an error where the quota is used up. */
class FakeStorage {
  readonly entries = new Map<string, string>()
  isFull = false

  getItem(key: string): string | null {
    return this.entries.get(String(key)) ?? null
  }

  setItem(key: string, value: string): void {
    if (this.isFull) throw new DOMException('the quota is used up', 'QuotaExceededError')
    this.entries.set(String(key), String(value))
  }
}

const replaceGlobal = (name: string, descriptor: PropertyDescriptor) =>
  Object.defineProperty(globalThis, name, { configurable: true, ...descriptor })

const navigatorHere = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
let storage: FakeStorage
const lines: string[] = []
const log = { warn: (line: string) => lines.push(line) }

beforeEach(() => {
  lines.length = 0
  storage = new FakeStorage()
  replaceGlobal('localStorage', { get: () => storage })
})

afterAll(() => {
  Reflect.deleteProperty(globalThis, 'localStorage')
  Reflect.deleteProperty(globalThis, 'navigator')
  if (navigatorHere !== undefined) replaceGlobal('navigator', navigatorHere)
})

describeCursorStore('browserCursorStore', (place) =>
  browserCursorStore({ name: place, log: false }),
)

describe('browserCursorStore, beyond the contract', () => {
  it('keeps a position in memory while the quota is used up, and stores it later', async () => {
    const store = browserCursorStore({ name: 'feed', log })
    await store.save('stream', '1')
    storage.isFull = true
    await store.save('stream', '2')
    await store.save('stream', '3')
    expect(await store.load('stream')).toBe('3')
    // What a reload finds: an older position, whose events come again.
    expect(await browserCursorStore({ name: 'feed' }).load('stream')).toBe('1')
    expect(lines).toEqual([expect.stringMatching(/`feed` is kept in memory.*quota is used up/)])
    storage.isFull = false
    await store.save('stream', '4')
    expect(await browserCursorStore({ name: 'feed' }).load('stream')).toBe('4')
  })

  // From Node 26 on, the context in which Jest runs specs hides what a getter of a global throws.
  const hidesErrors = Number.parseInt(process.versions.node, 10) >= 26

  it.each([
    ['a worker', { value: undefined }, /no `localStorage` here/],
    [
      'a private window',
      {
        get() {
          throw new DOMException('access is denied for this document', 'SecurityError')
        },
      },
      hidesErrors ? /no `localStorage` here/ : /access is denied/,
    ],
  ])('keeps positions in memory in %s, and says so once', async (_, descriptor, reason) => {
    replaceGlobal('localStorage', descriptor)
    const store = browserCursorStore({ name: 'feed', log })
    expect(await store.load('stream')).toBeUndefined()
    await store.save('stream', '1')
    expect(await store.load('stream')).toBe('1')
    expect(lines).toEqual([expect.stringMatching(reason)])
  })

  it('rejects where what is stored cannot be read', async () => {
    storage.getItem = () => {
      throw new Error('the database is corrupt')
    }
    await expect(browserCursorStore({ name: 'feed' }).load('stream')).rejects.toMatchObject({
      code: 'CURSOR_STORE',
      cause: { message: 'the database is corrupt' },
    })
  })

  it('refuses a name that is empty, and an option that there is none of', () => {
    expect(() => browserCursorStore({ name: '', ...{ prefix: 'x' } })).toThrow(
      /`name` must not be empty[\s\S]*`prefix` is not an option/,
    )
    expect(() => inOneTab({ name: '' })).toThrow(ConfigError)
  })
})

/** The Web Locks of an origin: one holder, the others in a queue. */
function fakeLocks(): Pick<LockManager, 'request'> {
  let last: Promise<unknown> = Promise.resolve()
  const request = (_name: string, { signal }: LockOptions, lead: () => Promise<unknown>) => {
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason)),
    )
    const before = last
    const turn = before.then(() => (signal?.aborted ? undefined : lead()))
    last = turn.catch(() => {})
    return Promise.race([turn, before.then(() => turn), aborted])
  }
  return { request: request as LockManager['request'] }
}

const microtasks = () => new Promise((done) => setImmediate(done))

describe('inOneTab', () => {
  it('subscribes in one tab, and in the next one when that unsubscribes', async () => {
    replaceGlobal('navigator', { value: { locks: fakeLocks() } })
    const seen: string[] = []
    const tab = (name: string) =>
      new Observable((subscriber) => {
        seen.push(`${name} reads`)
        subscriber.next(1)
        return () => seen.push(`${name} stops`)
      })
        .pipe(inOneTab({ name: 'feed' }))
        .subscribe(() => seen.push(`${name} receives`))
    const [first, second, third] = [tab('first'), tab('second'), tab('third')]
    await microtasks()
    expect(seen).toEqual(['first reads', 'first receives'])
    second.unsubscribe()
    first.unsubscribe()
    await microtasks()
    expect(seen.slice(2)).toEqual(['first stops', 'third reads', 'third receives'])
    third.unsubscribe()
  })

  it('gives the turn to the next tab when its source ends', async () => {
    replaceGlobal('navigator', { value: { locks: fakeLocks() } })
    const source = new Subject<number>()
    const failed = jest.fn()
    source.pipe(inOneTab({ name: 'feed' })).subscribe({ error: failed })
    await microtasks()
    const isNext = jest.fn(() => NEVER.subscribe())
    const next = new Observable(isNext).pipe(inOneTab({ name: 'feed' })).subscribe()
    source.error(new Error('the stream has ended'))
    await microtasks()
    expect(failed).toHaveBeenCalledWith(new Error('the stream has ended'))
    expect(isNext).toHaveBeenCalledTimes(1)
    next.unsubscribe()
  })

  it('subscribes in every tab where there are no Web Locks, and says so', async () => {
    replaceGlobal('navigator', { value: {} })
    const source = new Subject<number>()
    source
      .pipe(inOneTab({ name: 'feed', log }))
      .subscribe()
      .unsubscribe()
    source.pipe(inOneTab({ name: 'feed', log })).subscribe()
    expect(source.observed).toBe(true)
    expect(lines[0]).toMatch(/no Web Locks here: each tab of `feed`/)
  })
})
