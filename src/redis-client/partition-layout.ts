import type { RedisCommands } from './client.js'
import { Script } from './script.js'

/** A number of partitions that was changed, and the last position that was written by it. */
export interface FormerCount {
  readonly was: number
  readonly until: number
}

/** Over how many streams the events of one are spread, as kept in Redis. */
export interface PartitionLayout extends Partial<FormerCount> {
  readonly count: number
  /** The number that it is to be. */
  readonly next?: number
  /** The numbers before `was`, oldest first. */
  readonly older?: readonly FormerCount[]
}

// A checkpoint is seldom so old that even one change lies after it.
const MAX_OLDER = 15

/** The numbers that it was, oldest first. */
export const formerCounts = ({
  was,
  until,
  older = [],
}: PartitionLayout): readonly FormerCount[] =>
  was === undefined || until === undefined ? older : [...older, { was, until }]

/** The layout when a change is made, after `until`. */
export function changedLayout(
  layout: PartitionLayout,
  count: number,
  former: FormerCount,
): PartitionLayout {
  const older = formerCounts(layout).slice(-MAX_OLDER)
  return { count, ...former, ...(older.length > 0 && { older }) }
}

/** KEYS: the layout. ARGV: the value that it must have, '' for none; the new one. */
const CHANGE = new Script(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

const keyOf = (stream: string): string =>
  `${/\{[^}]+\}/.test(stream) ? stream : `{${stream}}`}:partitions`

/** `undefined` until the number is changed for the first time. */
export async function readLayout(
  commands: RedisCommands,
  stream: string,
  timeoutMs?: number,
): Promise<PartitionLayout | undefined> {
  const text = await commands.send(['GET', keyOf(stream)], timeoutMs)
  return typeof text === 'string' ? (JSON.parse(text) as PartitionLayout) : undefined
}

/** Returns whether the layout still was `from`, and now is `to`. */
export async function changeLayout(
  commands: RedisCommands,
  stream: string,
  from: PartitionLayout | undefined,
  to: PartitionLayout,
): Promise<boolean> {
  const texts = [from === undefined ? '' : JSON.stringify(from), JSON.stringify(to)]
  return Number(await CHANGE.run(commands, [keyOf(stream)], texts)) === 1
}

/** The keys of the partitions of a stream. */
export const partitionKeys = (stream: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, partition) => `${stream}{${partition}}`)
