import { createClient } from '@redis/client'
import type { FirehoseEvent } from 'rxjs-atproto'

/** A connection of the bench's own. */
export const connected = (url: string) => createClient({ url }).connect()
export type Client = Awaited<ReturnType<typeof connected>>

const AT_ONCE = 1000

const FILL = `
for n = 2, #ARGV do
  local at = ARGV[1] + n - 2
  redis.call('XADD', KEYS[1 + at % #KEYS], at .. '-0', 'event', ARGV[n])
end`

/** Adds the events at their cursors, which follow each other, to the streams in turn. */
export async function fill(
  client: Client,
  streams: readonly string[],
  events: readonly FirehoseEvent[],
): Promise<void> {
  for (let at = 0; at < events.length; at += AT_ONCE) {
    const some = events.slice(at, at + AT_ONCE)
    const texts = some.map((event) => JSON.stringify(event))
    await client.eval(FILL, {
      keys: [...streams],
      arguments: [`${some[0]?.cursor ?? 0}`, ...texts],
    })
  }
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

/** User and system time of the server so far, in seconds. */
export async function cpuOf(client: Client): Promise<number> {
  const info = await client.info('cpu')
  const seconds = [/^used_cpu_user:(.*)$/m, /^used_cpu_sys:(.*)$/m].map((line) =>
    Number(line.exec(info)?.[1] ?? Number.NaN),
  )
  return seconds.reduce((sum, value) => sum + value)
}
