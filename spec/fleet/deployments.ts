import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { holdPort } from '../../bench/tools/held-port.js'
import { isComplete, redisCluster } from '../helpers/redis-cluster.js'
import { redisFailover } from '../helpers/redis-failover.js'
import { redisServer } from '../helpers/redis-server.js'
import { rightsOf } from '../redis-client/rights.js'
import { temporaryFolder } from '../socket/bundle.js'
import { PARTITIONS, STREAM } from '../traps/redis-kill.js'
import type { Link } from './connect.js'

/** A way in which Redis is deployed, and what happens to it. */
export interface Deployment extends AsyncDisposable {
  readonly link: Link
  /** Resolves when it has happened, and Redis serves again. `grows`: when there are new entries. */
  fault(grows: () => Promise<void>): Promise<void>
}

// What Redis has confirmed is on disk: what a killed server loses is tested elsewhere.
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Three nodes. One with a part of the stream is killed, and comes back. */
export async function cluster(): Promise<Deployment> {
  const nodes = await redisCluster(3, '--cluster-node-timeout', '1000', ...DURABLE)
  return {
    link: { kind: 'cluster', urls: nodes.urls },
    async fault() {
      const node = await nodes.nodeOf(`${STREAM}{${PARTITIONS - 1}}`)
      await node.kill()
      await node.start()
      for (const one of nodes.nodes) await isComplete(one, 3)
    },
    [Symbol.asyncDispose]: () => nodes[Symbol.asyncDispose](),
  }
}

/** The master is killed, and its replica takes over, without what did not reach it. */
async function sentinel(): Promise<Deployment> {
  const redis = await redisFailover()
  return {
    link: { kind: 'sentinel', port: redis.sentinelPort },
    async fault(grows) {
      // What the master takes from now on is lost.
      await redis.detach()
      await grows()
      await redis.failOver()
    },
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  }
}

/** TLS, and a user with the rights of docs/redis.md alone. The server is killed, and comes back. */
async function secured(): Promise<Deployment> {
  const folder = temporaryFolder()
  const { key, certificate } = selfSigned(folder.path)
  const port = await holdPort()
  const user = { username: 'fleet', password: 'pw' }
  const server = await redisServer(
    ...DURABLE,
    ...['--tls-port', `${port.port}`, '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate],
    ...['--user', user.username, 'on', `>${user.password}`, '~*', '-@all', ...rights()],
  )
  return {
    link: { kind: 'tls', port: port.port, ...user, ca: certificate },
    async fault() {
      await server.kill()
      await server.start()
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await port[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const rights = (): readonly string[] =>
  ['`toRedisStream`', '`redisStream$`', 'and with `partitions`', '`redisCursorStore`']
    .flatMap(rightsOf)
    .map((command) => `+${command}`)

function selfSigned(folder: string): { readonly key: string; readonly certificate: string } {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-days', '1', '-subj', '/CN=redis'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore' },
  )
  return { key, certificate }
}

export const DEPLOYMENTS: readonly (readonly [name: string, start: () => Promise<Deployment>])[] = [
  ['a cluster of three nodes', cluster],
  ['a master, its replica and a sentinel', sentinel],
  ['a server with TLS and a user of few rights', secured],
]
