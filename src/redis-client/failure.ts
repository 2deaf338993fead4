import { RedisRefusedError, RedisUnavailableError, type StreamError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'

// A reply begins with a word of capitals
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors).
const WORD = /^[A-Z]{2,}(?=\s|$)/

// Redis 7 appends where in a script the command that failed is.
const OF_SCRIPT = / script: [0-9a-f]{40}, on @user_script:\d+\.$/

/** What a client knows of itself. */
export interface ClientState {
  /** It was closed, or never opened, and does not reconnect by itself. */
  readonly closed: boolean
  /** It follows redirections between nodes, and reports one only while the cluster changes. */
  readonly isCluster: boolean
}

/** Errors that pass by themselves, or that an operator mends: the program need not change. */
const TRANSIENT = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOGOODSLAVE',
  'NOMASTERLINK',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'UNBLOCKED',
])

/** Transient errors that only their text shows. */
const TRANSIENT_TEXT = [
  /max number of clients/i,
  /-(OOM|READONLY|LOADING|MISCONF|NOREPLICAS) /i,
  /OOM command not allowed/i,
  /read only replica/i,
]

/** The key is on another node, to which a client of a single server never goes. */
const REDIRECTIONS = new Set(['ASK', 'MOVED'])

/** Converts the error of a client or a server to one of this library. */
export function redisError(cause: unknown, { closed, isCluster }: ClientState): StreamError {
  if (cause instanceof RedisUnavailableError || cause instanceof RedisRefusedError) return cause
  const message = messageOf(cause).replace(OF_SCRIPT, '')
  const word = WORD.exec(message)?.[0]
  if (word !== undefined) {
    const isRedirected = REDIRECTIONS.has(word) && !isCluster
    const isTransient =
      !isRedirected && (TRANSIENT.has(word) || TRANSIENT_TEXT.some((text) => text.test(message)))
    return isTransient
      ? new RedisUnavailableError(`Redis answered ${message}`, word, { cause })
      : refusal(message, word, cause)
  }
  if (closed) return closedError(cause)
  return new RedisUnavailableError(
    `the connection to Redis failed: ${message || codeOf(cause)}`,
    'CONNECTION',
    { cause },
  )
}

const refusal = (message: string, word: string, cause: unknown): RedisRefusedError =>
  new RedisRefusedError(`Redis answered ${message}${REMEDIES[word] ?? ''}`, word, { cause })

const ON_CLUSTER =
  ': this Redis is a cluster, hand in a client of one (`createCluster`, or `Cluster` of ioredis)'

const REMEDIES: Readonly<Record<string, string>> = {
  ASK: ON_CLUSTER,
  CROSSSLOT: ': give the keys one hash tag',
  MOVED: ON_CLUSTER,
  NOAUTH: ': give the client its `password`',
  NOPERM: ': let this user run the command on the key',
  WRONGPASS: ': give the client its `username` and `password`',
  WRONGTYPE: ': the key holds something else than a stream, take another name',
}

const CLOSED = 'the Redis client is closed'
const STRATEGY = '`reconnectStrategy` that never gives up'

const closedError = (cause: unknown): RedisRefusedError =>
  new RedisRefusedError(
    `${CLOSED}: connect it first (\`await client.connect()\`), and give it a ${STRATEGY}`,
    'CLOSED',
    { cause },
  )

/** For errors without a message, such as Node's when each of several addresses failed. */
function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'unknown error'
}
