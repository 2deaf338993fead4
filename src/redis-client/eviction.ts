import type { RedisCommands } from './client.js'
import { listOf } from './replies.js'
import { Script } from './script.js'

/**
 * KEYS: any key of the node that is asked. Returns the policy where a limit of memory makes it
 * count. A user who may not run INFO is told nothing.
 */
const POLICY = new Script(`
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' or string.match(info, 'maxmemory:(%d+)') == '0' then return {} end
return { string.match(info, 'maxmemory_policy:([%w-]+)') }
`)

/**
 * By which policy Redis deletes keys to make room: `allkeys-…` any, `volatile-…` those with a time
 * to live.
 */
export async function evictionPolicy(
  commands: RedisCommands,
  key: string,
): Promise<string | undefined> {
  const [policy] = listOf(await POLICY.run(commands, [key], []).catch(() => []))
  return policy === undefined || policy === 'noeviction' ? undefined : String(policy)
}
