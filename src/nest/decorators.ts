import { SetMetadata } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import * as z from '#schema'
import { isNsid, isNsidPrefix } from '../atproto/syntax.js'
import type {
  AccountEvent,
  AtprotoEvent,
  BatchContext,
  DeleteEvent,
  Gap,
  IdentityEvent,
  LabelEvent,
  RecordEvent,
  StandardSchema,
  SyncEvent,
  TapEvent,
  TapIdentityEvent,
  TapRecordEvent,
} from '../index.js'
import { checkShape } from '../options/check-shape.js'
import { Issues } from '../options/issues.js'
import { count, defaultsTo, finiteCount, milliseconds, name, optional } from '../options/pieces.js'
import { shown } from '../options/shown.js'
import type { ShapeOf, WithDefaults } from '../options/with-defaults.js'
import type { Handles, HandlesOthers } from './handles.js'
import { DEFAULT_STREAM } from './tokens.js'

/** The key of what the decorators of a method ask for. */
export const HANDLES = 'rxjs-atproto:handles'

// With bivariant parameters, so that a handler may narrow the type of the record.
type Method<Values> = Values extends readonly unknown[]
  ? { bivariant(...values: Values): unknown }['bivariant']
  : never

/** Decorates a method that takes these values. It may return a promise or an observable. */
export type HandlerDecorator<Values extends readonly unknown[]> = <
  Decorated extends Method<Values>,
>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<Decorated>,
) => void

/** Which stream a handler is for. */
export interface OnOptions {
  /**
   * The name of the stream, as `forRoot` or `forFeature` gave it.
   * @default 'default'
   */
  readonly stream?: string | undefined
}

/** How {@link OnRecord} takes records. */
export interface OnRecordOptions<R = unknown> extends OnOptions {
  /**
   * A Standard Schema (zod, valibot, …) that the records of this collection have to pass. It
   * becomes the option `records` of the source: a record that fails is a reject, and reaches no
   * handler.
   * @default none
   */
  readonly schema?: StandardSchema<R> | undefined
}

/** How {@link OnBatch} makes batches. */
export interface OnBatchOptions extends OnOptions {
  /**
   * How many events make a batch.
   * @default 100
   */
  readonly size?: number | undefined
  /**
   * How long the first event of a batch waits for the others, in milliseconds.
   * @default 1000
   */
  readonly maxWaitMs?: number | undefined
  /**
   * How many batches are worked on at once. Above 1 their order is lost.
   * @default 1
   */
  readonly concurrency?: number | undefined
  /**
   * Whether deletes are in the batches too, in their order. Without it, a delete may be handled
   * before the batch with its create.
   * @default false
   */
  readonly deletes?: boolean | undefined
}

const onShape = { stream: defaultsTo(name, DEFAULT_STREAM) }
const isSchema = (value: unknown): value is StandardSchema =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  '~standard' in value
const onRecordShape = {
  ...onShape,
  schema: optional(z.custom<StandardSchema>(isSchema, 'must be a Standard Schema')),
}
const onBatchShape = {
  ...onShape,
  size: defaultsTo(finiteCount, 100),
  maxWaitMs: defaultsTo(milliseconds, 1000),
  concurrency: defaultsTo(count, 1),
  deletes: defaultsTo(z.boolean('must be true or false'), false),
}

/**
 * Handles creates and updates of a collection, or of all with a prefix such as `app.bsky.feed.*`.
 * The event is done when the promise of the method has resolved. Of several handlers of an event,
 * all have to.
 *
 * **Errors**: {@link ConfigError} for what is no NSID, prefix, schema or option.
 *
 * @example
 * ```ts
 * import type { RecordEvent } from 'rxjs-atproto'
 *
 * class Posts {
 *   @OnRecord('app.bsky.feed.post')
 *   async put(event: RecordEvent<{ text: string }>) {
 *     await posts.apply(event)
 *   }
 * }
 * ```
 */
export function OnRecord<R = unknown>(
  collection: string,
  schemaOrOptions: StandardSchema<R> | OnRecordOptions<R> = {},
): HandlerDecorator<[RecordEvent<R>] | [TapRecordEvent<R>]> {
  const given = isSchema(schemaOrOptions) ? { schema: schemaOrOptions } : schemaOrOptions
  const { stream, schema } = checked('OnRecord', onRecordShape, given, collection, (issues) => {
    if (given.schema !== undefined && !isNsid(collection))
      issues.add('schema', `needs the NSID of one collection, not ${shown(collection)}`)
  })
  return handling({ on: 'record', stream, collection, schema })
}

/** Handles deletes of a collection, or of all with a prefix. Otherwise as {@link OnRecord}. */
export function OnDelete(
  collection: string,
  options: OnOptions = {},
): HandlerDecorator<[DeleteEvent] | [TapRecordEvent]> {
  const { stream } = checked('OnDelete', onShape, options, collection)
  return handling({ on: 'delete', stream, collection })
}

/**
 * Handles creates and updates of a collection in batches, by count or time. The events of a batch
 * are done when the promise of the method has resolved. `attempts`, `backoff` and `timeoutMs` of
 * the stream's `ingest` are for a batch as a whole; dead letters are its events.
 *
 * The second argument has the `position` to store in the transaction of the rows, where the
 * `checkpoint` is `external`: see {@link BatchContext}. Needs `concurrency: 1` (the default), and
 * this handler as the only one that takes events of the stream.
 *
 * **Errors**: {@link ConfigError} for what is no NSID, prefix or option.
 */
export function OnBatch(
  collection: string,
  options: OnBatchOptions = {},
): HandlerDecorator<
  [readonly (RecordEvent | DeleteEvent)[], BatchContext] | [readonly TapRecordEvent[], BatchContext]
> {
  return handling({
    on: 'batch',
    collection,
    ...checked('OnBatch', onBatchShape, options, collection),
  })
}

/** Handles changes of handles and DID documents; of a Tap, those of accounts too. */
export const OnIdentity = (
  options: OnOptions = {},
): HandlerDecorator<[IdentityEvent] | [TapIdentityEvent]> =>
  other('OnIdentity', 'identity', options)

/** Handles changes of an account's hosting status. */
export const OnAccount = (options: OnOptions = {}): HandlerDecorator<[AccountEvent]> =>
  other('OnAccount', 'account', options)

/** Handles repositories whose state was reset outside their log. */
export const OnSync = (options: OnOptions = {}): HandlerDecorator<[SyncEvent]> =>
  other('OnSync', 'sync', options)

/** Handles the labels of a stream of labelers. */
export const OnLabel = (options: OnOptions = {}): HandlerDecorator<[LabelEvent]> =>
  other('OnLabel', 'label', options)

/**
 * Receives each event whose attempts are used up, and the last error. The event is done when this
 * is. Without one, the stream ends with `IngestError`.
 */
export const OnDeadLetter = (
  options: OnOptions = {},
): HandlerDecorator<[AtprotoEvent, unknown] | [TapEvent, unknown] | [LabelEvent, unknown]> =>
  other('OnDeadLetter', 'deadLetter', options)

/** Receives each range of events that is, or may be, lost. Nothing waits for its promise. */
export const OnGap = (options: OnOptions = {}): HandlerDecorator<[Gap]> =>
  other('OnGap', 'gap', options)

function other(
  decorator: string,
  on: HandlesOthers['on'],
  options: OnOptions,
): (target: object, method: string | symbol, descriptor: PropertyDescriptor) => void {
  return handling({ on, ...checked(decorator, onShape, options) })
}

function checked<Options extends object, const Shape extends ShapeOf<Options>>(
  decorator: string,
  shape: Shape,
  options: Options,
  collection?: string,
  more: (issues: Issues) => void = () => {},
): WithDefaults<Options, Shape> {
  const issues = new Issues()
  if (collection !== undefined && !isNsid(collection) && !isNsidPrefix(collection))
    issues.add(
      'collection',
      `must be an NSID or a prefix such as app.bsky.feed.*, not ${shown(collection)}`,
    )
  const filled = checkShape(shape, options, issues)
  more(issues)
  issues.throwIfAny(`@${decorator}`)
  return filled
}

/** A method may have several: each adds to what the others ask for. */
const handling =
  (handles: Handles) =>
  (target: object, method: string | symbol, descriptor: PropertyDescriptor): void => {
    const others = new Reflector().get<readonly Handles[] | undefined>(HANDLES, descriptor.value)
    SetMetadata(HANDLES, [...(others ?? []), handles])(target, method, descriptor)
  }
