import { exhaustMap, filter, firstValueFrom, timer } from 'rxjs'
import { holdPort } from '../../bench/tools/held-port.js'
import { type RedisServer, redisServer } from './redis-server.js'

/** A real cluster of masters, each on a port of this machine. */
export interface RedisCluster extends AsyncDisposable {
  /** Each has an equal part of the slots, in order. */
  readonly nodes: readonly RedisServer[]
  readonly urls: readonly string[]
  /** Resolves with the node that has the key's slot. */
  nodeOf(key: string): Promise<RedisServer>
  /** A key of the form `<name><n>` that another node has than those given. */
  keyBeside(name: string, ...others: readonly string[]): Promise<string>
}

const SLOTS = 16_384

/**
 * Starts a cluster of so many masters, with these settings of each. Resolves when all of them say
 * that it is complete.
 */
export async function redisCluster(
  size: number,
  ...settings: readonly string[]
): Promise<RedisCluster> {
  const parts = await Promise.all(Array.from({ length: size }, () => startNode(settings)))
  const nodes = parts.map(({ node }) => node)
  const slotOf = async (key: string): Promise<number> =>
    Number((await nodes[0]?.cli('CLUSTER', 'KEYSLOT', key))?.slice(1))
  const indexOf = async (key: string): Promise<number> =>
    Math.floor(((await slotOf(key)) * size) / SLOTS)
  const cluster: RedisCluster = {
    nodes,
    urls: nodes.map(({ url }) => url),
    nodeOf: async (key) => at(nodes, await indexOf(key)),
    async keyBeside(name, ...others) {
      const taken = await Promise.all(others.map(indexOf))
      for (let n = 0; ; n += 1)
        if (!taken.includes(await indexOf(`${name}${n}`))) return `${name}${n}`
    },
    async [Symbol.asyncDispose]() {
      for (const { node, bus } of parts) {
        await node[Symbol.asyncDispose]()
        await bus[Symbol.asyncDispose]()
      }
    },
  }
  try {
    await join(parts.map(({ node, bus }) => ({ node, bus: bus.port })))
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

async function startNode(settings: readonly string[]) {
  const bus = await holdPort()
  const clustered = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    `${bus.port}`,
    '--cluster-config-file',
    'nodes.conf',
  ]
  return { node: await redisServer(...clustered, ...settings), bus }
}

async function join(
  nodes: readonly { readonly node: RedisServer; readonly bus: number }[],
): Promise<void> {
  const bound = (index: number): number => Math.ceil((index * SLOTS) / nodes.length)
  for (const [index, { node, bus }] of nodes.entries()) {
    await node.cli('CLUSTER', 'ADDSLOTSRANGE', `${bound(index)}`, `${bound(index + 1) - 1}`)
    await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', `${index + 1}`)
    if (index > 0)
      await nodes[0]?.node.cli('CLUSTER', 'MEET', '127.0.0.1', `${node.port}`, `${bus}`)
  }
  for (const { node } of nodes) await isComplete(node, nodes.length)
}

/** Resolves when the node knows all others, and serves. */
export async function isComplete(node: RedisServer, size: number): Promise<void> {
  const asked$ = timer(0, 50).pipe(exhaustMap(() => node.cli('CLUSTER', 'INFO')))
  const known = new RegExp(`cluster_state:ok[^]*cluster_known_nodes:${size}\\r`)
  await firstValueFrom(asked$.pipe(filter((info) => known.test(info))))
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`there is no node ${index}`)
  return found
}
