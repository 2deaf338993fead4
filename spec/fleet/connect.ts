import { readFileSync } from 'node:fs'
import { createClient, createCluster, createSentinel } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import type { RedisClient } from '../../src/redis-client/client.js'
import type { OpenClient } from '../redis-client/clients.js'

export const LIBRARIES = ['@redis/client', 'ioredis'] as const
export type Library = (typeof LIBRARIES)[number]

/** How a process reaches Redis. */
export type Link =
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | { readonly kind: 'sentinel'; readonly port: number }
  | {
      readonly kind: 'tls'
      readonly port: number
      readonly username: string
      readonly password: string
      /** The file of the certificate. */
      readonly ca: string
    }

/** Connects as a program does, with a client that never gives up. */
export const connect = (library: Library, link: Link): Promise<OpenClient> =>
  library === 'ioredis' ? withIoRedis(link) : withNodeRedis(link)

const RETRY_MS = 50
const HOST = '127.0.0.1'

async function withNodeRedis(link: Link): Promise<OpenClient> {
  const client = nodeRedis(link)
  await client.on('error', () => {}).connect()
  return { client, [Symbol.asyncDispose]: async () => client.destroy() }
}

function nodeRedis(link: Link) {
  const socket = { reconnectStrategy: RETRY_MS }
  switch (link.kind) {
    case 'cluster':
      return createCluster({ rootNodes: link.urls.map((url) => ({ url })), defaults: { socket } })
    case 'sentinel':
      return createSentinel({
        name: 'main',
        sentinelRootNodes: [{ host: HOST, port: link.port }],
        nodeClientOptions: { socket },
      })
    default: {
      const { port, username, password, ca } = link
      return createClient({
        username,
        password,
        socket: { ...socket, host: HOST, port, tls: true, ca: readFileSync(ca) },
      })
    }
  }
}

/** It connects by itself, and keeps commands meanwhile. `connect` would fail with one attempt. */
async function withIoRedis(link: Link): Promise<OpenClient> {
  const client = ioRedis(link).on('error', () => {})
  return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
}

function ioRedis(link: Link): Cluster | Redis {
  const retry = () => RETRY_MS
  switch (link.kind) {
    case 'cluster':
      return new Cluster([...link.urls], { clusterRetryStrategy: retry })
    case 'sentinel':
      return new Redis({
        name: 'main',
        sentinels: [{ host: HOST, port: link.port }],
        retryStrategy: retry,
        sentinelRetryStrategy: retry,
      })
    default: {
      const { port, username, password, ca } = link
      const tls = { ca: readFileSync(ca) }
      return new Redis({
        host: HOST,
        port,
        username,
        password,
        tls,
        // It would ask INFO, which this user may not.
        enableReadyCheck: false,
        retryStrategy: retry,
      })
    }
  }
}

/** What a child of these specs is told. */
export interface Told {
  readonly library: Library
  readonly link: Link
}

/** Ends with the parent. */
export async function connected({ library, link }: Told): Promise<RedisClient> {
  process.once('disconnect', () => process.exit())
  return (await connect(library, link)).client
}
