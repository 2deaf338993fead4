import { connect, filter, merge, type OperatorFunction, pipe } from 'rxjs'
import { collectionOf, isWrite, operationOf } from '../atproto/event-fields.js'
import { covers } from '../atproto/filters.js'
import {
  type BatchContext,
  boundedBatchMap,
  type IngestOptions,
  ingest,
  type Routable,
} from '../index.js'
import { ended } from './ended.js'
import type { Handler, HandlesBatches } from './handles.js'

type Queued = IngestOptions<Routable>

/** The handlers of one stream, as an operator for `run`. */
export function workOf(
  handlers: readonly Handler[],
  { drainMs: _, ...options }: Queued = {},
): OperatorFunction<Routable, unknown> {
  const letters = named(handlers, 'deadLetter')
  const queued: Queued = {
    orderBy: didOf,
    ...options,
    ...(letters.length > 0 && { onDeadLetter: (event, error) => allOf(letters, [event, error]) }),
  }
  const batches = handlers.flatMap((handler) =>
    handler.handles.on === 'batch' ? [inBatches(handler, handler.handles, queued)] : [],
  )
  const branches = [ingest(ingestorsOf(handlers), queued), ...batches]
  // Each branch holds its events: one is done when all are.
  return connect((events$) => merge(...branches.map((branch) => branch(events$))))
}

// --- One by one ---

const KINDS = { identity: 'identity', account: 'account', sync: 'sync', label: '*' } as const

/**
 * Per key, since the events of one collection have to keep their order: a delete must not overtake
 * its create.
 */
function ingestorsOf(
  handlers: readonly Handler[],
): ReadonlyMap<string, (event: Routable) => Promise<void> | undefined> {
  const keys = new Set(handlers.flatMap(({ handles }) => collectionsOf(handles)))
  const collections = [...keys].map((key) => {
    const of = (on: 'record' | 'delete') =>
      handlers.filter(({ handles }) => handles.on === on && covers(handles.collection, key))
    const [records, deletes] = [once(of('record')), once(of('delete'))]
    const ingestor = (event: Routable) => {
      if (isWrite(event)) return records(event)
      return operationOf(event) === 'delete' ? deletes(event) : undefined
    }
    return [key, ingestor] as const
  })
  const kinds = Object.entries(KINDS).flatMap(([on, key]) => {
    const ofKind = named(handlers, on)
    return ofKind.length === 0 ? [] : [[key, once(ofKind)] as const]
  })
  return new Map([...collections, ...kinds])
}

const collectionsOf = (handles: Handler['handles']): readonly string[] =>
  'collection' in handles ? [handles.collection] : []

const named = (handlers: readonly Handler[], on: string): readonly Handler[] =>
  handlers.filter(({ handles }) => handles.on === on)

/** Labels have none: those of one subject keep their order. */
function didOf(event: object): unknown {
  const { did, uri } = event as { readonly did?: unknown; readonly uri?: unknown }
  return did ?? uri
}

/** Calls all of `handlers`; in a further attempt, only those that failed. */
function once(handlers: readonly Handler[]): (event: Routable) => Promise<void> | undefined {
  const left = new WeakMap<Routable, readonly Handler[]>()
  return (event) => {
    if (handlers.length === 0) return undefined
    return allOf(left.get(event) ?? handlers, [event], (failed) => left.set(event, failed))
  }
}

/** Waits for all, so that a further attempt finds none of them at work. */
async function allOf(
  handlers: readonly Handler[],
  values: readonly unknown[],
  onFailed: (handlers: readonly Handler[]) => void = () => {},
): Promise<void> {
  const results = await Promise.allSettled(handlers.map(async (handler) => handler.call(...values)))
  const failed = handlers.filter((_, index) => results[index]?.status === 'rejected')
  if (failed.length === 0) return
  onFailed(failed)
  throw results.find((result) => result.status === 'rejected')?.reason
}

// --- In batches ---

interface Batch {
  readonly kind: 'batch'
  readonly events: readonly Routable[]
  readonly context: BatchContext
}

/** A batch goes through `ingest` as one event, for its attempts and dead letters. */
function inBatches(
  handler: Handler,
  { collection, size, maxWaitMs, concurrency, deletes }: HandlesBatches,
  options: Queued,
): OperatorFunction<Routable, unknown> {
  const isWanted = (event: Routable): boolean =>
    covers(collection, collectionOf(event) ?? '') &&
    (isWrite(event) || (deletes && operationOf(event) === 'delete'))
  return pipe(
    filter(isWanted),
    // The position is read when the handler begins: earlier batches are done then.
    boundedBatchMap(
      (events: readonly Routable[], context): Batch[] => [{ kind: 'batch', events, context }],
      { size, maxWaitMs },
    ),
    ingest(new Map([['*', ({ events, context }: Batch) => handler.call(events, context)]]), {
      ...optionsOfBatches(options, size),
      concurrency,
    }),
  )
}

/** Those of single events, in batches. */
function optionsOfBatches(options: Queued, size: number): IngestOptions<Batch> {
  const { onError, attempts, backoff, timeoutMs, overflow, onDrop, onDeadLetter } = options
  const inBatches = (events: number): number => Math.max(1, Math.ceil(events / size))
  return {
    ...{ onError, attempts, backoff, timeoutMs, overflow },
    capacity: inBatches(options.capacity ?? 1024),
    maxLag: inBatches(options.maxLag ?? Number.POSITIVE_INFINITY),
    onDrop: onDrop && (({ events }) => events.forEach(onDrop)),
    onDeadLetter:
      onDeadLetter &&
      (({ events }, error) =>
        Promise.all(events.map(async (event) => ended(onDeadLetter(event, error))))),
  }
}
