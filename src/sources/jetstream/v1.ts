import type { CursorProtocol, Request } from '../../connection/protocol.js'
import { FrameError } from '../../errors.js'
import type { StandardSchema } from '../../internal/standard-schema.js'
import type { Frame } from '../../socket/socket.js'
import type { JetstreamConfig } from './config.js'
import type { CommitEvent, JetstreamEvent } from './events.js'
import { broken, readEvent } from './read-event.js'

// Proxies refuse longer request lines; above it the filter goes in a message.
const MAX_URL_LENGTH = 4000

/** Wire v1: `/subscribe`, one JSON event a text frame. */
export function v1(
  { collections = [], dids = [], kinds, maxMessageSizeBytes, records = {} }: JetstreamConfig,
  maxFrameBytes: number,
): CursorProtocol<JetstreamEvent> {
  const filter = new URLSearchParams([...collections.map((nsid) => ['wantedCollections', nsid]), ...dids.map((did) => ['wantedDids', did])])
  const sendsHello = filter.toString().length > MAX_URL_LENGTH
  const schemas = new Map(Object.entries(records as Record<string, StandardSchema>))
  const wantedKinds = kinds && new Set<string>(kinds)
  // A legacy server queues what comes before the hello by the filter of the URL.
  const wantedDids = sendsHello && dids.length > 0 ? new Set(dids) : undefined
  const largest = (request: Request) =>
    request.leaveOutLargeFrames ? Math.min(maxMessageSizeBytes ?? maxFrameBytes, maxFrameBytes) : maxMessageSizeBytes

  return {
    name: 'jetstream/v1',
    oldest: 0,

    url(host, cursor, request) {
      const url = new URL(host)
      const size = largest(request)
      if (!sendsHello) for (const [name, value] of filter) url.searchParams.append(name, value)
      else url.searchParams.set('requireHello', 'true')
      if (cursor !== undefined) url.searchParams.set('cursor', String(cursor))
      if (size !== undefined) url.searchParams.set('maxMessageSizeBytes', String(size))
      return url.href
    },

    hello(request) {
      if (!sendsHello) return undefined
      // One whole update: what it leaves out is cleared on the server.
      const payload = { wantedCollections: collections, wantedDids: dids, maxMessageSizeBytes: largest(request) ?? 0 }
      return JSON.stringify({ type: 'options_update', payload })
    },

    decode(frame) {
      const event = readEvent(parse(frame))
      if (schemas.size > 0 && event.kind === 'commit') checkRecord(event, schemas)
      return event
    },

    wants: (event) => (wantedKinds?.has(event.kind) ?? true) && (wantedDids?.has(event.did) ?? true),
    // A sequence number where the server has one: it is unique, and times are not.
    cursorOf: (event) => event.cursor ?? event.time_us,
    timeOf: (event) => event.time_us,
    identityOf,
  }
}

function parse(frame: Frame): unknown {
  if (typeof frame !== 'string') throw new FrameError('the frame is binary, or text that is not UTF-8')
  try {
    return JSON.parse(frame)
  } catch (error) {
    throw new FrameError(`the frame is no JSON: ${(error as Error).message}`, placeOf(frame), { cause: error })
  }
}

// What the server writes before anything that could be broken in an event.
const HEAD = /^\{"did":"[^"\\]*","time_us":(\d{16}),(?:"cursor":(\d{1,15}),)?/

function placeOf(text: string): FrameError['place'] {
  const [, time, cursor] = HEAD.exec(text) ?? []
  if (time === undefined) return undefined
  return { position: Number(cursor ?? time), time_us: Number(time) }
}

function checkRecord(event: CommitEvent, schemas: ReadonlyMap<string, StandardSchema>): void {
  const { commit } = event
  const schema = schemas.get(commit.collection)
  if (schema === undefined || (commit.operation !== 'create' && commit.operation !== 'update')) return
  const result = schema['~standard'].validate(commit.record)
  const place = event as unknown as Record<string, unknown>
  if (result instanceof Promise) throw broken(place, `the schema of ${commit.collection} is asynchronous; give one that answers at once`)
  if (result.issues !== undefined) {
    throw broken(
      place,
      `the record is no ${commit.collection}: ${result.issues.map(({ message, path }) => `${path?.map(String).join('.') ?? ''} ${message}`.trim()).join('; ')}`,
    )
  }
  ;(commit as { record: unknown }).record = result.value
}

/** Equal for two copies of one event, on any host. */
export function identityOf(event: JetstreamEvent): string {
  if (event.kind !== 'commit') {
    const body = (event as unknown as Record<string, { seq?: number; time?: string } | undefined>)[event.kind]
    return `${event.did} ${event.kind} ${body?.seq} ${body?.time}`
  }
  const { rev, collection, rkey, operation } = event.commit
  return `${event.did} ${rev} ${collection} ${rkey} ${operation}`
}
