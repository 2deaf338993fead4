import { hasMore } from '../../internal/has-more.js'
import { isObject, type Json } from '../../internal/json.js'
import type { TapEvent, TapRecordEvent } from './events.js'

/** What is wrong with a member of a message. */
export interface Mistake {
  readonly path: readonly string[]
  readonly message: string
}

// What a message must have. All other members pass as they are, since servers may add some.
const NEEDED = {
  record: [
    ['live', 'boolean'],
    ['did', 'string'],
    ['rev', 'string'],
    ['collection', 'string'],
    ['rkey', 'string'],
    ['action', 'string'],
  ],
  identity: [
    ['did', 'string'],
    ['handle', 'string'],
    ['is_active', 'boolean'],
    ['status', 'string'],
  ],
} as const

interface Message extends Json {
  readonly id: number
  readonly type: keyof typeof NEEDED
}

/** Everything that is wrong with a message of Tap's `/channel`; nothing: it is one. */
export function mistakesIn(message: unknown): readonly Mistake[] {
  const mistakes: Mistake[] = []
  if (!isObject(message)) return [{ path: [], message: 'must be an object' }]
  const { id, type } = message
  if (type !== 'record' && type !== 'identity')
    return [{ path: ['type'], message: "must be 'record' or 'identity'" }]
  if (!Number.isSafeInteger(id) || (id as number) < 0)
    mistakes.push({ path: ['id'], message: 'must be a whole number' })
  const body = message[type]
  if (!isObject(body)) return [...mistakes, { path: [type], message: 'must be an object' }]
  for (const [name, kind] of NEEDED[type])
    if (typeof body[name] !== kind)
      mistakes.push({ path: [type, name], message: `must be a ${kind}` })
  if (type === 'record') addMistakesInRecord(body, mistakes)
  return mistakes
}

function addMistakesInRecord({ record, cid }: Json, mistakes: Mistake[]): void {
  if (record !== undefined && !isObject(record))
    mistakes.push({ path: ['record', 'record'], message: 'must be an object' })
  if (cid !== undefined && typeof cid !== 'string')
    mistakes.push({ path: ['record', 'cid'], message: 'must be a string' })
}

// `id`, `type` and one of `record` and `identity`.
const MESSAGE_MEMBERS = 3

/** The flat event of a message without {@link mistakesIn mistakes}. */
export function eventOf(message: object): TapEvent {
  const { id, type, record } = message as Message
  if (type === 'identity') return flatIdentity(message as Message)
  const body = record as Json
  // Nearly all messages. `id` and `type` are those of the message, even if a server adds members
  // of these names to the record.
  return hasMore(message, MESSAGE_MEMBERS) || 'id' in body || 'type' in body
    ? flat(message as Message, body)
    : ({ id, type, ...body } as unknown as TapRecordEvent)
}

function flatIdentity(message: Message): TapEvent {
  const { did, handle, is_active, status, ...members } = message.identity as Json
  return flat(message, { did, handle, isActive: is_active, status, ...members })
}

/** Puts all members on one level. Those of the message itself cannot be replaced. */
function flat(message: Message, body: object): TapEvent {
  const { id, type, record: _record, identity: _identity, ...members } = message
  const own = { id, type }
  return { ...own, ...members, ...body, ...own } as unknown as TapEvent
}
