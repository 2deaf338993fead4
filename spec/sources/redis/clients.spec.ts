import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { lastValueFrom, take, toArray } from 'rxjs'
import { describeRedis, redisServer } from '../../helpers/redis-server.js'
import { numbers, pendingIn, until, watched, write } from './stream.js'

describeRedis('redisStream$ over a client that keeps no queue while it is not connected', () => {
  it.each([
    [
      '@redis/client',
      async (url: string) => {
        const client = createClient({
          url,
          disableOfflineQueue: true,
          pingInterval: 5000,
          socket: { socketTimeout: 15_000 },
        })
        return client.on('error', () => {}).connect()
      },
    ],
    [
      'ioredis',
      async (url: string) => {
        const client = new Redis(url, {
          enableOfflineQueue: false,
          maxRetriesPerRequest: 1,
          autoResendUnfulfilledCommands: false,
          lazyConnect: true,
        })
        await client.on('error', () => {}).connect()
        return client
      },
    ],
  ])('waits for the connection that it opens: %s', async (_, connect) => {
    await using server = await redisServer()
    await write(server, 0, 10)
    const client = await connect(server.url)
    const source = watched(client)
    const events = await lastValueFrom(source.events$.pipe(take(10), toArray()))
    expect(events.map(({ n }) => n)).toEqual(numbers(0, 10))
    await until(async () => (await pendingIn(server)) === 0)
    expect(source.metrics.reconnects).toBe(0)
    await source.when(({ connection }) => connection.state === 'closed')
    if ('destroy' in client) client.destroy()
    client.disconnect?.()
  })
})
