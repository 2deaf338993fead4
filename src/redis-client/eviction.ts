import type { RedisCommands } from './client.js'
import { listOf } from './replies.js'
import { Script } from './script.js'

/**
 * KEYS: any key of the node to ask. Returns the policy if there is a memory limit, and nothing to a
 * user who may not run INFO.
 */
const POLICY = new Script(`
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' or string.match(info, 'maxmemory:(%d+)') == '0' then return {} end
return { string.match(info, 'maxmemory_policy:([%w-]+)') }
`)

/**
 * The policy by which Redis deletes keys to make room: `allkeys-…` deletes any, `volatile-…` those
 * with a time to live. `undefined`: it deletes none.
 */
export async function evictionPolicy(
  commands: RedisCommands,
  key: string,
): Promise<string | undefined> {
  const [policy] = listOf(await POLICY.run(commands, [key], []).catch(() => []))
  return policy === undefined || policy === 'noeviction' ? undefined : String(policy)
}
