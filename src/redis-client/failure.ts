import { RedisRefusedError, RedisUnavailableError, type StreamError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'

// A reply begins with a word of capitals
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors).
const WORD = /^[A-Z]{2,}(?=\s|$)/

// What Redis 7 says behind the error of a command in a script: where in the script it was.
const OF_SCRIPT = / script: [0-9a-f]{40}, on @user_script:\d+\.$/

/** What a client says of itself. */
export interface ClientState {
  /** It has been closed, or was never opened: it does not come back by itself. */
  readonly closed: boolean
  /**
   * It follows redirections from node to node. One that does reports them only while the cluster
   * changes.
   */
  readonly isCluster: boolean
}

/** What passes by itself, or by the hand of an operator, while the program need not change. */
const PASSING = new Set([
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

/** Replies that say more in their text than in their word. */
const PASSING_TEXT =
  /max number of clients|-(OOM|READONLY|LOADING|MISCONF|NOREPLICAS) |OOM command not allowed|read only replica/i

/**
 * A key is on another node. A client of a single server is told so again and again, and never goes
 * there.
 */
const REDIRECTIONS = new Set(['ASK', 'MOVED'])

/** What a client or a server said, as an error of this library. */
export function redisError(cause: unknown, { closed, isCluster }: ClientState): StreamError {
  if (cause instanceof RedisUnavailableError || cause instanceof RedisRefusedError) return cause
  const message = messageOf(cause).replace(OF_SCRIPT, '')
  const word = WORD.exec(message)?.[0]
  if (word !== undefined) {
    const isRedirected = REDIRECTIONS.has(word) && !isCluster
    const passing = !isRedirected && (PASSING.has(word) || PASSING_TEXT.test(message))
    return passing
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

const closedError = (cause: unknown): RedisRefusedError =>
  new RedisRefusedError(
    'the Redis client is closed: connect it first (`await client.connect()`), and give it a `reconnectStrategy` that never gives up',
    'CLOSED',
    { cause },
  )

/** Node's errors of several addresses have an empty message. */
function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'unknown error'
}
