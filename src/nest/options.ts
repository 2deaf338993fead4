import * as z from '#schema'
import {
  type AtprotoEvent,
  type CheckpointConfig,
  type IngestOptions,
  ingest,
  type StreamError,
  type TapEvent,
} from '../index.js'
import { checkShape } from '../options/check-shape.js'
import { checkpoint } from '../options/contracts.js'
import { Issues } from '../options/issues.js'
import { callback, defaultsTo, oneOf, optional } from '../options/pieces.js'
import type { WithDefaults } from '../options/with-defaults.js'
import { type AtprotoSource, sourceOf } from './source.js'

/** How events wait, and what becomes of those that fail: see `ingest` and `run`. */
export type AtprotoIngestOptions = IngestOptions<AtprotoEvent | TapEvent>

/** One stream: what it reads, where its position is kept, and how its handlers are called. */
export interface AtprotoStreamOptions {
  /**
   * What to read. `collections`, `kinds` and `records` follow from the decorators, where the config
   * names none; `log` is Nest's.
   */
  readonly source: AtprotoSource
  /**
   * Where the position of the finished events is saved for the next run, of a Jetstream, a firehose
   * or a labeler. It is saved by the name of the stream, so that it is found again after a handler
   * was added.
   * @default none
   */
  readonly checkpoint?: CheckpointConfig | undefined
  /**
   * How events wait, and what becomes of those that fail. `orderBy` is the DID unless told
   * otherwise, and `drainMs` is 8000.
   * @default {}
   */
  readonly ingest?: AtprotoIngestOptions | undefined
  /**
   * What an error does that ends the stream. `'shutdown'`: the application shuts down as by
   * SIGTERM, its other streams drain, and the process ends with exit code 1. `'unhealthy'`: health
   * and metrics say so, and the application goes on. A function receives the error and the name of
   * the stream.
   * @default 'shutdown'
   */
  readonly onFatal?:
    | 'shutdown'
    | 'unhealthy'
    | ((error: StreamError, stream: string) => unknown)
    | undefined
}

const KINDS = ['jetstream', 'firehose', 'tap', 'labels', 'redis', 'events$']
const isSource = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === 1 &&
  KINDS.includes(Object.keys(value)[0] ?? '')

const isOptions = (value: unknown): boolean => typeof value === 'object' && value !== null

const shape = {
  source: z.custom<AtprotoSource>(
    isSource,
    `must be an object with one of ${KINDS.map((kind) => `\`${kind}\``).join(', ')}`,
  ),
  checkpoint: optional(checkpoint),
  ingest: optional(z.custom(isOptions, 'must be an object of options')),
  onFatal: defaultsTo(
    z.union(
      [oneOf('shutdown', 'unhealthy'), callback],
      "must be 'shutdown', 'unhealthy' or a function",
    ),
    'shutdown',
  ),
}

/** The options of a stream with their defaults. */
export type StreamOptions = WithDefaults<AtprotoStreamOptions, typeof shape>

/** Throws `ConfigError` with every mistake, also those of the source and of `ingest`. */
export function checkStreamOptions(options: AtprotoStreamOptions): StreamOptions {
  const issues = new Issues()
  const filled = checkShape(shape, options, issues)
  issues.throwIfAny('AtprotoModule')
  ingest<AtprotoEvent | TapEvent>(new Map(), filled.ingest)
  // A source is cold: this opens nothing.
  sourceOf(filled, {})
  return filled
}
