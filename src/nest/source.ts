import type { Observable, Observer } from 'rxjs'
import { checkpointOptions } from '../delivery/checkpoint-options.js'
import {
  type AtprotoEvent,
  type CheckpointConfig,
  ConfigError,
  type FirehoseConfig,
  firehose$,
  type Gap,
  type JetstreamConfig,
  jetstream$,
  type LabelsConfig,
  type Logger,
  labels$,
  type Routable,
  type StandardSchema,
  type TapConfig,
  type TapEvent,
  tap$,
} from '../index.js'
import { type RedisStreamConfig, redisStream$ } from '../redis.js'

/**
 * What a stream reads: the config of one source. `events$`: an observable of your own, such as
 * `archive$(config)`.
 */
export type AtprotoSource =
  | { readonly jetstream: JetstreamConfig }
  | { readonly firehose: FirehoseConfig }
  | { readonly tap: TapConfig }
  | { readonly labels: LabelsConfig }
  | { readonly redis: RedisStreamConfig }
  | { readonly events$: Observable<AtprotoEvent | TapEvent> }

/** What the decorators of a stream ask of its source. */
export interface SourceFilter {
  readonly collections?: readonly string[]
  readonly kinds?: readonly ('commit' | 'identity' | 'account' | 'sync')[]
  readonly records?: Readonly<Record<string, StandardSchema>>
}

/** What a source tells besides events. */
export interface SourceReports {
  readonly log?: Logger
  readonly gaps?: Partial<Observer<Gap>> | undefined
}

/** What a stream is made of. */
interface Described {
  readonly source: AtprotoSource
  readonly checkpoint?: CheckpointConfig | undefined
  /** The name of the stream in the store of its checkpoint. */
  readonly name?: string
}

/**
 * The source of a stream. What the config names itself takes precedence. Throws `ConfigError` with
 * the mistakes of the config.
 */
export function sourceOf(
  { source, checkpoint, name }: Described,
  filter: SourceFilter = {},
  reports: SourceReports = {},
): Observable<Routable> {
  if (checkpoint !== undefined && !keepsPosition(source))
    throw mistake('checkpoint', 'is for `jetstream`, `firehose` and `labels`')
  const events$ = openedBy(source, filter, reports, (own = checkpoint) =>
    own === undefined ? {} : { checkpoint: named(own, name) },
  )
  // Labels have no kind: the router passes them to `'*'`.
  return events$ as Observable<unknown> as Observable<Routable>
}

function openedBy(
  source: AtprotoSource,
  { records, ...filter }: SourceFilter,
  reports: SourceReports,
  saved: (own: CheckpointConfig | undefined) => { readonly checkpoint?: CheckpointConfig },
): Observable<unknown> {
  const told = <Config extends { readonly gaps?: SourceReports['gaps'] }>(config: Config) => ({
    ...reports,
    ...config,
    gaps: both(config.gaps, reports.gaps),
  })
  if ('jetstream' in source) {
    const { jetstream } = source
    const checked = { records: { ...records, ...jetstream.records } }
    return jetstream$({ ...filter, ...told(jetstream), ...checked, ...saved(jetstream.checkpoint) })
  }
  if ('firehose' in source) {
    const { firehose } = source
    const checked = { records: { ...records, ...firehose.records } }
    return firehose$({ ...filter, ...told(firehose), ...checked, ...saved(firehose.checkpoint) })
  }
  if ('labels' in source)
    return labels$({ ...told(source.labels), ...saved(source.labels.checkpoint) })
  if ('tap' in source) return tap$(told(source.tap))
  return 'redis' in source ? redisStream$(told(source.redis)) : source.events$
}

/** The program's own observer, and the handlers. */
function both(
  own: SourceReports['gaps'],
  handlers: SourceReports['gaps'],
): SourceReports['gaps'] | undefined {
  if (own === undefined || handlers === undefined) return own ?? handlers
  const next = (gap: Gap): void => {
    own.next?.(gap)
    handlers.next?.(gap)
  }
  return { next }
}

const keepsPosition = (source: AtprotoSource): boolean =>
  ['jetstream', 'firehose', 'labels'].some((kind) => kind in source)

const mistake = (option: string, message: string): ConfigError =>
  new ConfigError('AtprotoModule', [{ option, message }])

/**
 * The position is found by the stream's name: without one, another decorator would be another
 * filter, and the stored position would not be found.
 */
function named(config: CheckpointConfig, name: string | undefined): CheckpointConfig {
  const options = checkpointOptions(config)
  if (name === undefined || options.positionFormat !== undefined) return config
  return { name, ...options }
}
