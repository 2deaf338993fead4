/**
 * Reads a Jetstream through an HTTP proxy, which this program starts. With `--host <url>` it reads
 * that server, else one on this machine.
 */
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { count, lastValueFrom, take } from 'rxjs'
import { jetstream$ } from 'rxjs-atproto'
import { jetstreamServer } from './server.js'

// The part of a proxy that matters here: it opens a tunnel to the host that it is asked for.
const tunnels: string[] = []
const proxy = createServer().on('connect', ({ url = '' }, client: Socket) => {
  tunnels.push(url)
  const { hostname, port } = new URL(`http://${url}`)
  const server = connect(Number(port), hostname, () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    client.pipe(server).pipe(client)
  })
  for (const socket of [client, server])
    socket.on('error', () => {}).on('close', () => client.destroy() && server.destroy())
})
await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))

const server = await jetstreamServer()
const { port } = proxy.address() as AddressInfo
const agent = new HttpsProxyAgent(`http://127.0.0.1:${port}`)

const events = await lastValueFrom(jetstream$({ host: server.url, agent }).pipe(take(100), count()))
console.log(`${events} events through a tunnel to ${tunnels.join(', ')}`)

agent.destroy()
proxy.close()
await server.close()
