import type { RedisClient } from '../../src/redis-client/client.js'
import { describeRedis, type RedisServer, redisServer } from '../helpers/redis-server.js'
import { clients, type OpenClient } from './clients.js'

/** What a spec has while it runs: a server that is empty, and a client that is connected to it. */
export interface OverClient {
  readonly server: RedisServer
  readonly client: RedisClient
}

/** Specs over the client of each library, whose name replaces `%s`. */
export const describeOverClients = (name: string, body: (redis: OverClient) => void): void =>
  describeRedis.each(clients)(name, (_, connect) => {
    let server: RedisServer
    let opened: OpenClient
    beforeAll(async () => {
      server = await redisServer()
      opened = await connect(server.url)
    })
    afterAll(async () => {
      await opened[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    })
    beforeEach(() => server.cli('FLUSHALL'))

    body({
      get server() {
        return server
      },
      get client() {
        return opened.client
      },
    })
  })
