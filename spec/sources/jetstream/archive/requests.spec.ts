import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Lifetime } from '../../../../src/sources/jetstream/archive/lifetime.js'
import { Requests } from '../../../../src/sources/jetstream/archive/requests.js'

describe('a request of the archive', () => {
  it('whose body is not read ends with its attempt', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const ended = new Promise<unknown>((resolve) => {
      server.on('request', (_, response: ServerResponse) => {
        response.on('close', resolve)
        response.writeHead(200).write('the body goes on')
      })
    })
    const options = {
      host: `http://127.0.0.1:${port}`,
      apiKey: undefined,
      headers: {},
      agent: undefined,
      idleTimeoutMs: 1e9,
      reconnect: {},
    }
    const requests = new Requests(options, new Lifetime(), () => {})
    const status = await requests.run(async ({ send }) => {
      const answer = await send({ method: 'getBlock' })
      return answer.status
    })
    expect(status).toBe(200)
    await ended
    server.close()
  })
})
