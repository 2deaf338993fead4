import { type MonoTypeOperatorFunction, pipe, tap } from 'rxjs'
import { boundedMergeMap, type CursorStore, type Gap, ingest, type Routable } from 'rxjs-atproto'
import type { Dice } from './dice.js'
import type { Journal } from './journal.js'

/** How a reader works on what it receives. */
export interface Work<E> {
  readonly journal: Journal
  readonly dice: Dice
  readonly idOf: (event: E) => string
  readonly laneOf: (event: E) => string
  /** Takes a while; `length` is 0 to 7. */
  readonly pause: (length: number) => Promise<unknown>
  /** What is wrong with this reader: the judge must find it. */
  readonly defect?: Defect | undefined
}

/** Ways to be wrong. `none-held`: the work goes on after its delivery has ended. */
export type Defect = 'none-held' | 'no-order' | 'ack-on-receipt' | 'forgets-saves' | 'hides-gaps'
export const DEFECTS: readonly Defect[] = [
  'none-held',
  'no-order',
  'ack-on-receipt',
  'forgets-saves',
  'hides-gaps',
]

const CONCURRENCY = 16
const FAILING = 0.03

/** Events of a source that `ingest` can route. */
export function ingested<E extends Routable>(work: Work<E>): MonoTypeOperatorFunction<E> {
  const options = {
    concurrency: CONCURRENCY,
    orderBy: orderOf(work),
    backoff: { initialDelayMs: 1 },
  }
  return pipe(received(work), ingest({ '*': handlerOf(work) }, options))
}

/** Events of any other source. */
export function merged<E>(work: Work<E>): MonoTypeOperatorFunction<E> {
  const handle = handlerOf(work)
  const project = async (event: E): Promise<E> => {
    await Promise.resolve(handle(event)).catch(() => handle(event))
    return event
  }
  return pipe(
    received(work),
    boundedMergeMap(project, { concurrency: CONCURRENCY, orderBy: orderOf(work) }),
  )
}

const received = <E>({ journal, idOf }: Work<E>): MonoTypeOperatorFunction<E> =>
  tap((event) => journal.write('received', idOf(event)))

function orderOf<E>({ laneOf, idOf, defect }: Work<E>): (event: E) => string {
  return defect === 'no-order' ? idOf : laneOf
}

/** Writes what was handled before the delivery ends. A few events fail the first time. */
function handlerOf<E>({
  journal,
  dice,
  idOf,
  pause,
  defect,
}: Work<E>): (event: E) => Promise<void> | undefined {
  const failed = new Set<string>()
  const handle = async (event: E): Promise<void> => {
    const [id, length, fails] = [idOf(event), dice.between(0, 7), dice.chance(FAILING)]
    await pause(length)
    if (fails && !failed.has(id)) {
      failed.add(id)
      throw new Error('the first attempt fails')
    }
    journal.write('handled', id)
  }
  if (defect !== 'none-held') return handle
  return (event) => {
    handle(event).catch(() => {})
    return undefined
  }
}

/** Tells the journal when a save has begun, and when it is in the store. */
export function watched(store: CursorStore, journal: Journal, defect?: Defect): CursorStore {
  return {
    load: (key) => store.load(key),
    async save(key, position) {
      if (journal.dead) return
      const saving = defect === 'forgets-saves' ? undefined : store.save(key, position)
      journal.write('saving')
      await saving
      journal.write('saved')
    },
  }
}

/** An observer of gaps that writes them down. */
export const gapsInto = (journal: Journal, defect?: Defect): { next(gap: Gap): void } => ({
  next(gap) {
    if (defect !== 'hides-gaps') journal.write('gap', JSON.stringify(gap))
  },
})
