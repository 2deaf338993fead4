import { createClient } from '@redis/client'
import { someEvents } from './events.js'

/** A connection of the bench's own. */
export const connected = (url: string) => createClient({ url }).connect()
export type Client = Awaited<ReturnType<typeof connected>>

// In Redis itself, so that the entries are there before a reader has much to do.
const FILL = `
for n = 0, ARGV[1] - 1 do
  local at = ARGV[2] + n
  redis.call('XADD', KEYS[1 + n % #KEYS], at .. '-0', 'event', ARGV[3] .. at .. ARGV[4])
end`

/** Adds entries at the positions from `from` on, to the partitions in turn. */
export async function fill(
  client: Client,
  streams: readonly string[],
  from: number,
  count: number,
): Promise<void> {
  const [event] = someEvents()
  const [head = '', tail = ''] = JSON.stringify({ ...event, cursor: 'HERE' }).split('"HERE"')
  await client.eval(FILL, { keys: [...streams], arguments: [`${count}`, `${from}`, head, tail] })
}

/** Whether the group has read, and acked, all that is there. */
export async function isSettled(
  client: Client,
  streams: readonly string[],
  group: string,
): Promise<boolean> {
  const groups = await Promise.all(
    streams.map((stream) => client.xInfoGroups(stream).catch(() => [])),
  )
  return groups.every((infos) =>
    infos.some(
      ({ name, pending, lag }) =>
        String(name) === group && Number(pending) === 0 && Number(lag ?? 1) === 0,
    ),
  )
}
