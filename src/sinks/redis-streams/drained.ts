import { RedisRefusedError } from '../../errors.js'
import type { RedisCommands } from '../../redis-client/client.js'
import { listOf, pairsOf } from '../../redis-client/replies.js'

/** A group of a stream, as Redis tells of it. */
type Group = ReadonlyMap<string, unknown>

/**
 * Whether every group has read and acked all entries of these streams. A group that has not begun
 * with a stream that the others hold entries in has them to read.
 */
export async function isDrained(
  commands: RedisCommands,
  streams: readonly string[],
): Promise<boolean> {
  const found = await Promise.all(
    streams.map(async (stream) => ({ stream, groups: await groupsOf(commands, stream) })),
  )
  const names = new Set(found.flatMap(({ groups }) => [...groups.keys()]))
  for (const { stream, groups } of found)
    for (const name of names) if (!(await hasAll(commands, stream, groups.get(name)))) return false
  return true
}

async function groupsOf(
  commands: RedisCommands,
  stream: string,
): Promise<ReadonlyMap<string, Group>> {
  const reply = await commands.send(['XINFO', 'GROUPS', stream]).catch((error: unknown) => {
    // A partition that nothing was written to.
    if (error instanceof RedisRefusedError && error.message.includes('no such key')) return []
    throw error
  })
  const groups = listOf(reply).map((group): Group => new Map(pairsOf(group)))
  return new Map(groups.map((group) => [String(group.get('name')), group]))
}

async function hasAll(
  commands: RedisCommands,
  stream: string,
  group: Group | undefined,
): Promise<boolean> {
  if (Number(group?.get('pending') ?? 0) > 0) return false
  const after = group === undefined ? '-' : `(${group.get('last-delivered-id')}`
  return listOf(await commands.send(['XRANGE', stream, after, '+', 'COUNT', '1'])).length === 0
}
