import { defer, type Observable } from 'rxjs'
import { boundedMergeMap, type TapEvent } from '../../src/index.js'
import { integer } from '../../src/testing/generate/random.js'
import type { FakeTap, FakeTapEvent } from '../../src/testing/index.js'
import { record, tapped } from '../sources/tap/tapped.js'

/** What an indexer keeps: the text of each record, and the handle of each account. */
export class Index {
  readonly #records = new Map<string, Map<string, string>>()
  readonly #handles = new Map<string, string>()

  apply(event: TapEvent | FakeTapEvent): void {
    if (event.type === 'identity') {
      this.#handles.set(event.did, event.handle)
      if (event.status === 'deleted') this.#records.delete(event.did)
      return
    }
    const records = this.#records.get(event.did) ?? new Map<string, string>()
    this.#records.set(event.did, records)
    if (event.action === 'delete') records.delete(event.rkey)
    else
      records.set(
        event.rkey,
        String((event.record as { readonly text?: unknown } | undefined)?.text),
      )
  }

  has(did: string, rkey: string): boolean {
    return this.#records.get(did)?.has(rkey) ?? false
  }

  keysOf(did: string): readonly string[] {
    return [...(this.#records.get(did)?.keys() ?? [])]
  }

  /** All of it, in one order. */
  get rows(): readonly string[] {
    const records = [...this.#records].flatMap(([did, texts]) =>
      [...texts].map(([rkey, text]) => `${did} ${rkey}: ${text}`),
    )
    return [...records, ...[...this.#handles].map(([did, handle]) => `${did}: ${handle}`)].sort()
  }
}

export type Change = 'create' | 'update' | 'delete'

/** A live change of one record, unlike any other by its rev. */
export function change(did: string, rkey: string, action: Change, n: number): FakeTapEvent {
  const { record: _record, cid, ...rest } = record(did, rkey)
  const content =
    action === 'delete'
      ? {}
      : { record: { $type: 'app.bsky.feed.post', text: `text ${n}` }, ...(cid ? { cid } : {}) }
  return { ...rest, action, rev: `3${n.toString(36).padStart(12, '2')}`, ...content }
}

export interface WriterOptions {
  readonly dids: number
  /**
   * `'keys'`: records are created again under keys of deleted ones, and accounts change and are
   * deleted.
   */
  readonly reuse: 'keys' | 'nothing'
}

/** Accounts that write, and the truth about what they wrote. */
export class Writer {
  readonly truth = new Index()
  #written = 0

  constructor(
    private readonly next: () => number,
    private readonly options: WriterOptions,
  ) {}

  /** One more change. */
  write(): FakeTapEvent {
    this.#written += 1
    const event = this.#change(
      `did:plc:${'abcdefgh'.charAt(integer(this.next, this.options.dids)).repeat(24)}`,
    )
    this.truth.apply(event)
    return event
  }

  #change(did: string): FakeTapEvent {
    const n = this.#written
    const reuses = this.options.reuse === 'keys'
    // Two identity events of one account are in flight together: two readers have them in no order.
    if (reuses && this.next() < 0.1) {
      const status = this.next() < 0.5 ? 'deleted' : 'active'
      return { type: 'identity', did, handle: `h${n}.test`, isActive: status === 'active', status }
    }
    const keys = this.truth.keysOf(did)
    const key = keys[integer(this.next, Math.max(1, keys.length))]
    const fresh = reuses ? `k${integer(this.next, 3)}` : `k${n}`
    if (key === undefined || (this.next() < 0.4 && !this.truth.has(did, fresh)))
      return change(did, fresh, 'create', n)
    return change(did, key, this.next() < 0.5 ? 'update' : 'delete', n)
  }
}

/**
 * One process's subscription: each event is applied to `index` at the beginning or at the end of
 * some turns of work.
 */
export function reader(tap: FakeTap, index: Index, next: () => number): { stop(): void } {
  const work = (event: TapEvent): Observable<unknown> =>
    defer(async () => {
      const early = next() < 0.5
      if (early) index.apply(event)
      for (let turns = integer(next, 3); turns > 0; turns -= 1)
        await new Promise((resolve) => setImmediate(resolve))
      if (!early) index.apply(event)
    })
  const subscription = tapped(tap)
    .events$.pipe(boundedMergeMap(work, { concurrency: 8, orderBy: ({ did }) => did }))
    .subscribe()
  return { stop: () => subscription.unsubscribe() }
}
