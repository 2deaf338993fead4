import { ConfigError, type ConfigIssue, type StandardSchema } from '../index.js'
import type { Handler, Handles } from './handles.js'
import type { AtprotoSource, SourceFilter } from './source.js'

/** What handlers ask of their source. Throws `ConfigError` for what the source does not have. */
export function filterOf(handlers: readonly Handler[], source: AtprotoSource): SourceFilter {
  const issues = handlers.flatMap((handler) => mistakesIn(handler, source))
  if (issues.length > 0) throw new ConfigError('AtprotoModule', issues)
  const collections = [
    ...new Set(
      handlers.flatMap(({ handles }) => ('collection' in handles ? [handles.collection] : [])),
    ),
  ]
  const kinds = (['identity', 'account', 'sync'] as const).filter((kind) =>
    handlers.some(({ handles }) => handles.on === kind),
  )
  return {
    records: schemasOf(handlers),
    ...(collections.length === 0 ? { kinds } : { collections, kinds: ['commit', ...kinds] }),
  }
}

const OF_RECORDS = ['record', 'delete', 'batch'] as const
const OF_ALL = ['deadLetter', 'gap'] as const

/** What there is to handle, of each source. */
const HANDLED: Readonly<Record<string, readonly Handles['on'][]>> = {
  jetstream: [...OF_RECORDS, ...OF_ALL, 'identity', 'account', 'sync'],
  firehose: [...OF_RECORDS, ...OF_ALL, 'identity', 'account', 'sync'],
  // An account is part of an identity here.
  tap: [...OF_RECORDS, ...OF_ALL, 'identity'],
  labels: [...OF_ALL, 'label'],
  redis: [...OF_RECORDS, ...OF_ALL, 'identity', 'account', 'sync', 'label'],
  events$: [...OF_RECORDS, 'deadLetter', 'identity', 'account', 'sync', 'label'],
}

function mistakesIn({ name, handles }: Handler, source: AtprotoSource): readonly ConfigIssue[] {
  const kind = Object.keys(source)[0] ?? ''
  if (HANDLED[kind]?.includes(handles.on) === false)
    return [{ option: name, message: `handles '${handles.on}', which \`${kind}\` does not have` }]
  const hasSchema = 'schema' in handles && handles.schema !== undefined
  return hasSchema && kind !== 'jetstream' && kind !== 'firehose'
    ? [{ option: name, message: `has a schema, which only \`jetstream\` and \`firehose\` check` }]
    : []
}

/** A record is checked once: two schemas of one collection contradict each other. */
function schemasOf(handlers: readonly Handler[]): Readonly<Record<string, StandardSchema>> {
  const schemas = new Map<string, StandardSchema>()
  for (const { name, handles } of handlers) {
    if (!('schema' in handles) || handles.schema === undefined) continue
    const { collection, schema } = handles
    if ((schemas.get(collection) ?? schema) !== schema) {
      const message = `has another schema for ${collection} than another handler`
      throw new ConfigError('AtprotoModule', [{ option: name, message }])
    }
    schemas.set(collection, schema)
  }
  return Object.fromEntries(schemas)
}
