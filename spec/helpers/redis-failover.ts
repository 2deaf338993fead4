import { exhaustMap, filter, firstValueFrom, timer } from 'rxjs'
import { type RedisServer, redisSentinel, redisServer } from './redis-server.js'

/** A real master with a replica, and a sentinel that watches over them under the name `main`. */
export interface RedisFailover extends AsyncDisposable {
  readonly sentinelPort: number
  readonly replica: RedisServer
  /** The replica receives nothing more, as behind a slow line. */
  detach(): Promise<void>
  /** Kills the master, and resolves when the replica has taken its place. */
  failOver(): Promise<void>
}

// A master that is only slow, as on a busy machine, keeps its place; and a replica is promoted
// though it has heard nothing of its master for ten times as long.
const PATIENCE_MS = 20_000

export async function redisFailover(): Promise<RedisFailover> {
  const master = await redisServer('--repl-diskless-sync-delay', '0')
  const replica = await redisServer('--replicaof', '127.0.0.1', `${master.port}`)
  await until(async () =>
    (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
  )
  const sentinel = await redisSentinel(
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds main ${PATIENCE_MS}`,
    'sentinel failover-timeout main 3000',
  )
  await until(async () => /num-slaves\r\n\$1\r\n1/.test(await sentinel.cli('SENTINEL', 'masters')))
  return {
    sentinelPort: sentinel.port,
    replica,
    async detach() {
      // On a busy machine a replica lags behind, and would lack more than the test takes from it.
      const written = await offsetOf(master, 'master_repl_offset')
      await until(async () => (await offsetOf(replica, 'slave_repl_offset')) >= written)
      await replica.cli('CONFIG', 'SET', 'masteruser', 'unknown', 'masterauth', 'unknown')
      await master.cli('CLIENT', 'KILL', 'TYPE', 'replica')
    },
    async failOver() {
      await master.kill()
      await until(async () =>
        (await sentinel.cli('SENTINEL', 'FAILOVER', 'main')).startsWith('+OK'),
      )
      // With the promotion a sentinel sends CLIENT KILL: it may cut the very question.
      await until(async () => (await replica.cli('ROLE').catch(() => '')).includes('master'))
    },
    async [Symbol.asyncDispose]() {
      for (const server of [sentinel, replica, master]) await server[Symbol.asyncDispose]()
    },
  }
}

/** How far the log of a server goes, in bytes. */
async function offsetOf(server: RedisServer, name: string): Promise<number> {
  const [, offset = '-1'] =
    new RegExp(`^${name}:(\\d+)`, 'm').exec(await server.cli('INFO', 'replication')) ?? []
  return Number(offset)
}

const until = (holds: () => Promise<boolean>): Promise<boolean> =>
  firstValueFrom(
    timer(0, 20).pipe(
      exhaustMap(holds),
      filter((held) => held),
    ),
  )
