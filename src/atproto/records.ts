import * as z from '#schema'
import { FrameError } from '../errors.js'
import type { FirehoseEvent, JetstreamEvent } from '../events.js'
import { messageOf } from '../internal/message-of.js'
import type { StandardSchema } from '../internal/standard-schema.js'
import { optional } from '../options/pieces.js'
import { isNsid } from './syntax.js'

/** Standard Schemas by NSID. */
export type Schemas = Readonly<Record<string, StandardSchema | undefined>>

const isSchema = (value: unknown): boolean =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  '~standard' in value

/** The option `records`. */
export const recordsShape = optional(
  z.record(
    z.string().check(z.refine(isNsid, 'must be named by an NSID')),
    z.custom(isSchema, 'must be a Standard Schema'),
    'must be an object with a Standard Schema for each NSID',
  ),
)

type Checked = JetstreamEvent | FirehoseEvent

/** Checks records whose collection has a schema, and replaces them by the schema's output. */
export interface RecordChecker {
  /** Whether the event has a record, and its collection has a schema. */
  checks(event: Checked): boolean
  /** Returns the error of a record that fails. Without a record there is none. */
  check(event: Checked): FrameError | undefined
}

export function recordChecker(records: Schemas = {}): RecordChecker {
  const schemas = new Map(Object.entries(records))
  if (schemas.size === 0) return { checks: () => false, check: () => undefined }
  const schemaOf = (event: Checked) =>
    event.kind === 'commit' && 'record' in event.commit
      ? schemas.get(event.commit.collection)
      : undefined
  return {
    checks: (event) => schemaOf(event) !== undefined,
    check(event) {
      const schema = schemaOf(event)
      return schema && failureOf(event, schema)
    },
  }
}

function failureOf(event: Checked, schema: StandardSchema): FrameError | undefined {
  const { commit } = event as {
    readonly commit: { record: unknown; readonly collection: string; readonly rkey: string }
  }
  const { did, cursor, time_us } = event
  const wrong = (message: string, options?: ErrorOptions): FrameError =>
    new FrameError(message, { position: cursor ?? time_us, time_us }, options)
  const what = `the record of ${did}/${commit.collection}/${commit.rkey}`
  try {
    const { record } = commit
    if (record === undefined) return undefined
    const result = schema['~standard'].validate(record)
    if (result instanceof Promise)
      return wrong(
        `the schema of ${commit.collection} is asynchronous; give one that answers at once`,
      )
    if (result.issues !== undefined)
      return wrong(`${what} is no ${commit.collection}: ${result.issues.map(issueText).join('; ')}`)
    commit.record = result.value
    return undefined
  } catch (error) {
    return wrong(`${what} cannot be checked: ${messageOf(error)}`, { cause: error })
  }
}

const issueText = ({
  message,
  path,
}: {
  readonly message: string
  readonly path?: readonly unknown[] | undefined
}): string => `${path?.map(nameOf).join('.') ?? ''} ${message}`.trim()

const nameOf = (segment: unknown): string =>
  String(
    typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment,
  )
