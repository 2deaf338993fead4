import { ok, strictEqual } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CursorStore } from '../cursors/cursor-store.js'
import { ConfigError } from '../errors.js'

/**
 * The two functions that the suite is written with: those of jest, vitest, mocha or `node:test`.
 */
export interface SuiteGlobals {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
}

/** What {@link describeCursorStore} checks, and with whose `describe` and `it`. */
export interface DescribeCursorStoreOptions {
  /**
   * Whether a second store on the same place finds what the first one saved. `false` for a store
   * that lives in memory.
   *
   * @default true
   */
  readonly durable?: boolean
  /**
   * Where `describe` and `it` come from, for a runner that does not make them global.
   *
   * @default globalThis
   */
  readonly globals?: SuiteGlobals
}

/**
 * Registers the suite that every {@link CursorStore} passes, for a store of your own.
 *
 * `make` is called with the name of a place (letters and digits): a file name, a key prefix, a
 * table row. Two calls with one name are two stores on the same data, another name is an empty
 * place. A store that is `AsyncDisposable` is disposed of after its case. Assertions are those of
 * `node:assert`. Without `describe` and `it` the call throws {@link ConfigError}.
 *
 * @example
 * ```ts
 * describeCursorStore('postgresCursorStore', (place) =>
 *   postgresCursorStore(pool, { table: place }),
 * )
 * ```
 */
export function describeCursorStore(
  name: string,
  make: (place: string) => CursorStore | PromiseLike<CursorStore>,
  { durable = true, globals = globalSuite() }: DescribeCursorStoreOptions = {},
): void {
  const cases = durable ? [...CASES, ...DURABLE_CASES] : CASES
  globals.describe(name, () => {
    for (const [title, body] of cases) globals.it(title, () => runCase(make, body))
  })
}

/** Opens a store on the place of the case; each call another one. */
type OpenStore = () => Promise<CursorStore>
type Case = readonly [title: string, body: (open: OpenStore) => Promise<void>]

const CASES: readonly Case[] = [
  [
    'answers undefined where nothing was saved',
    async (open) => {
      strictEqual(await (await open()).load('stream'), undefined)
    },
  ],
  [
    'answers the position that was saved last, also a lower one',
    async (open) => {
      const store = await open()
      for (const position of ['10', '9', '1725911162329308']) {
        await store.save('stream', position)
        strictEqual(await store.load('stream'), position)
      }
    },
  ],
  [
    'saves without a load before it',
    async (open) => {
      const store = await open()
      await store.save('stream', '1')
      strictEqual(await store.load('stream'), '1')
    },
  ],
  [
    'keeps positions and keys to the letter',
    async (open) => {
      const key = 'jetstream v2 wss://host:443/?a=b&c=* {"dids":["did:web:a.b"]} \n__proto__ é 💙'
      const store = await open()
      for (const position of [
        '0',
        '007',
        ' 1 ',
        '9007199254740993',
        'a"b\\c\n',
        'é 💙',
        'x'.repeat(10_000),
      ]) {
        await store.save(key, position)
        strictEqual(await store.load(key), position)
      }
    },
  ],
  [
    'lets the save called last win, and resolves every one',
    async (open) => {
      const store = await open()
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.save('stream', `${n}`)))
      strictEqual(await store.load('stream'), '99')
    },
  ],
  [
    'loads what a save under way is saving',
    async (open) => {
      const store = await open()
      const saved = store.save('stream', '1')
      strictEqual(await store.load('stream'), '1')
      await saved
    },
  ],
  [
    'never answers one key with the position of another',
    async (open) => {
      const store = await open()
      await store.save('stream', '1')
      for (const other of ['other', 'STREAM', 'stream ', '', '__proto__']) {
        strictEqual(await loadOrRefuse(store, other), undefined)
        const kept = await saveOrRefuse(store, other, '2')
        strictEqual(await loadOrRefuse(store, other), kept ? '2' : undefined)
      }
      strictEqual(await store.load('stream'), '1')
    },
  ],
]

const DURABLE_CASES: readonly Case[] = [
  [
    'finds what an earlier store saved',
    async (open) => {
      const earlier = await open()
      await earlier.save('stream', '1')
      await dispose(earlier)
      strictEqual(await (await open()).load('stream'), '1')
    },
  ],
  [
    'finds what another store of this process saved, one after the other',
    async (open) => {
      const [one, two] = [await open(), await open()]
      await one.save('stream', '1')
      strictEqual(await two.load('stream'), '1')
      await two.save('stream', '2')
      strictEqual(await one.load('stream'), '2')
    },
  ],
]

async function runCase(
  make: (place: string) => CursorStore | PromiseLike<CursorStore>,
  body: Case[1],
): Promise<void> {
  const place = `place${randomUUID().replaceAll('-', '')}`
  const opened: CursorStore[] = []
  try {
    await body(async () => {
      const store = await make(place)
      opened.push(store)
      return store
    })
  } finally {
    for (const store of opened) await dispose(store)
  }
}

async function dispose(store: CursorStore & Partial<AsyncDisposable>): Promise<void> {
  await store[Symbol.asyncDispose]?.()
}

/** A store with room for one key may refuse the second, with the error that says so. */
async function loadOrRefuse(store: CursorStore, key: string): Promise<string | undefined> {
  return unlessRefused(() => store.load(key), undefined)
}

async function saveOrRefuse(store: CursorStore, key: string, position: string): Promise<boolean> {
  return unlessRefused(() => store.save(key, position).then(() => true), false)
}

async function unlessRefused<T>(work: () => PromiseLike<T>, refused: T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // By its code and not its class: the suite and the store may come from two copies of this
    // package.
    ok(
      error instanceof Error && 'code' in error && error.code === 'CURSOR_STORE',
      `expected a CursorStoreError, not ${error}`,
    )
    return refused
  }
}

function globalSuite(): SuiteGlobals {
  const { describe, it }: Partial<SuiteGlobals> = globalThis as Partial<SuiteGlobals>
  if (describe !== undefined && it !== undefined) return { describe, it }
  const message =
    'is needed, since this runner makes no `describe` and `it` global: pass `{ describe, it }`'
  throw new ConfigError('describeCursorStore', [{ option: 'globals', message }])
}
