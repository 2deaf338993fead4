import type { CommitEvent, JetstreamEvent } from '../../events.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import { broken } from './read-event.js'

export type Schemas = Readonly<Record<string, StandardSchema | undefined>>

/** Checks the record of an event whose collection has a schema, and puts the schema's output in its place. */
export interface RecordChecker {
  /** Whether the event's collection has a schema. */
  checks(event: JetstreamEvent): boolean
  /** Throws `FrameError` where the record fails. */
  check(event: JetstreamEvent): JetstreamEvent
}

export function recordChecker(records: Schemas = {}): RecordChecker {
  const schemas = new Map(Object.entries(records))
  if (schemas.size === 0) return { checks: () => false, check: (event) => event }
  return {
    checks: (event) => event.kind === 'commit' && schemas.has(event.commit.collection),
    check(event) {
      if (event.kind === 'commit') check(event, schemas.get(event.commit.collection))
      return event
    },
  }
}

function check(event: CommitEvent, schema: StandardSchema | undefined): void {
  const { commit } = event
  if (schema === undefined || (commit.operation !== 'create' && commit.operation !== 'update')) return
  const result = schema['~standard'].validate(commit.record)
  if (result instanceof Promise) throw broken(event, `the schema of ${commit.collection} is asynchronous; give one that answers at once`)
  if (result.issues !== undefined) {
    const what = result.issues.map(({ message, path }) => `${path?.map(nameOf).join('.') ?? ''} ${message}`.trim())
    throw broken(event, `the record is no ${commit.collection}: ${what.join('; ')}`)
  }
  ;(commit as { record: unknown }).record = result.value
}

const nameOf = (segment: unknown): string =>
  String(typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment)
