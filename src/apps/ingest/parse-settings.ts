import { InvalidArgumentError } from 'commander'
import { parseCount, parseDelay, parseList } from '../../cli/parse.js'

export const MODES = ['all', 'firehose', 'backfill', 'labeler'] as const
export type Mode = (typeof MODES)[number]

const HIGHEST_PORT = 65_535
/** The limit of `toRedisStream`. */
const LARGEST_BATCH = 10_000

export function parseMode(text: string): Mode {
  const mode = MODES.find((known) => known === text)
  if (mode === undefined) throw new InvalidArgumentError(`Write one of ${MODES.join(', ')}.`)
  return mode
}

export function parseBatchSize(text: string): number {
  const size = parseCount(text)
  if (size > LARGEST_BATCH)
    throw new InvalidArgumentError(`Write a whole number up to ${LARGEST_BATCH}.`)
  return size
}

/** A duration above 0; a plain number is in milliseconds, as in rsky-ingester. */
export function parseWait(text: string): number {
  const ms = parseDelay(/^\d+$/.test(text) ? `${parseCount(text)}ms` : text)
  if (ms === 0) throw new InvalidArgumentError('Write a duration above 0, such as 100ms.')
  return ms
}

export function parseMetricsPort(text: string): number | 'off' {
  if (text === 'off') return text
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= HIGHEST_PORT))
    throw new InvalidArgumentError(`Write a port up to ${HIGHEST_PORT}, or off.`)
  return port
}

/** Never shows the text: a Redis URL may contain a password. */
export function parseRedisUrl(text: string): URL {
  const url = urlOf(text)
  if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new InvalidArgumentError('Write redis://host:6379 or rediss://user:password@host:6380/0.')
  }
  if (!isEncoded(url.username) || !isEncoded(url.password)) {
    throw new InvalidArgumentError('Write a % in the user or the password of Redis as %25.')
  }
  if (!/^\/?\d*$/.test(url.pathname))
    throw new InvalidArgumentError(
      'Write the number of a database after the port of Redis, or nothing.',
    )
  return url
}

/** Keeps each host as written, because the key of its position uses that spelling. */
export function parseHosts(text: string): readonly string[] {
  const hosts = parseList(text.replace(/,\s*$/, ''))
  for (const host of hosts)
    if (!isHost(host))
      throw new InvalidArgumentError('Write host names or URLs, with commas between them.')
  return [...new Set(hosts)]
}

function isHost(text: string): boolean {
  const url = urlOf(text.includes('://') ? text : `wss://${text}`)
  if (url === undefined || !/^(wss?|https?):$/.test(url.protocol)) return false
  return (
    url.hostname !== '' &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  )
}

/** Whether each `%` starts a valid escape. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
