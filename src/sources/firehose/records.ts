import { FrameError } from '../../errors.js'
import type { FirehoseEvent } from '../../events.js'
import { messageOf } from '../../internal/message-of.js'
import type { StandardSchema } from '../../internal/standard-schema.js'

/** Standard Schemas by NSID. */
export type Schemas = Readonly<Record<string, StandardSchema | undefined>>

/** Checks the record of an event whose collection has a schema, and puts the schema's output in its place. Answers what is wrong with one that fails. */
export function recordChecker(records: Schemas = {}): (event: FirehoseEvent) => FrameError | undefined {
  const schemas = new Map(Object.entries(records))
  if (schemas.size === 0) return () => undefined
  return (event) => {
    const schema = event.kind === 'commit' && 'record' in event.commit ? schemas.get(event.commit.collection) : undefined
    return schema && check(event, schema)
  }
}

function check(event: FirehoseEvent, schema: StandardSchema): FrameError | undefined {
  const { commit } = event as { commit: { record: unknown; collection: string; rkey: string } }
  const place = { position: event.cursor, time_us: event.time_us }
  const what = `${event.did}/${commit.collection}/${commit.rkey}`
  try {
    const result = schema['~standard'].validate(commit.record)
    if (result instanceof Promise) {
      return new FrameError(`the schema of ${commit.collection} is asynchronous; give one that answers at once`, place)
    }
    if (result.issues !== undefined) {
      return new FrameError(`the record of ${what} is no ${commit.collection}: ${result.issues.map(textOf).join('; ')}`, place)
    }
    commit.record = result.value
    return undefined
  } catch (error) {
    return new FrameError(`the record of ${what} cannot be checked: ${messageOf(error)}`, place, { cause: error })
  }
}

const textOf = ({ message, path }: { readonly message: string; readonly path?: readonly unknown[] | undefined }): string =>
  `${path?.map(nameOf).join('.') ?? ''} ${message}`.trim()

const nameOf = (segment: unknown): string =>
  String(typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment)
