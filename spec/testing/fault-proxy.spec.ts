import { once } from 'node:events'
import { fakeJetstream, faultProxy } from '../../src/testing/index.js'
import { Client, tcpEndOf } from './client.js'

const LINE = JSON.stringify({ text: 'x'.repeat(400) })

describe('faultProxy', () => {
  it('passes everything on, both ways, when told nothing', async () => {
    await using server = await fakeJetstream({ events: 2_000 })
    await using proxy = await faultProxy({ target: server.url })
    await using client = new Client(proxy.url, '?wantedCollections=app.bsky.feed.*')
    await once(client.ws, 'open')
    client.ws.send('{"type":"options_update","payload":{}}')
    await server.when(() => server.connections[0]?.messages.length === 1)
    await server.idle()
    await client.received(server.sent)
    expect(proxy).toMatchObject({ accepted: 1, open: 1, fired: [] })
    expect(proxy.bytesDown).toBeGreaterThan(500_000)
  })

  it('passes on the end of a connection in either direction', async () => {
    await using server = await fakeJetstream({ events: 10 })
    await using proxy = await faultProxy({ target: server.url })
    const client = new Client(proxy.url)
    await client.received(10)
    client.ws.terminate()
    expect((await server.closed()).closed).toEqual({ code: 1006, reason: '' })
    const other = new Client(proxy.url)
    await server.connected(2)
    server.restart()
    expect((await other.ended).code).toBe(1006)
    await proxy.when(() => proxy.open === 0)
  })

  it('resets a connection in the middle of a frame', async () => {
    await using server = await fakeJetstream({ events: (n) => (n < 100_000 ? LINE : undefined) })
    await using proxy = await faultProxy({ target: server.url, resetAfterBytes: 100_000 })
    const client = new Client(proxy.url)
    expect((await client.ended).code).toBe(1006)
    expect(client.frames.length).toBeLessThan(400)
    expect(proxy.fired).toEqual(['reset'])
    expect(proxy.bytesDown).toBe(100_000)
    expect(await tcpEndOf(proxy.port)).toBe('reset')
  })

  it('ends a connection after a limit, with every byte before it', async () => {
    await using server = await fakeJetstream({ events: 2_000 })
    await using proxy = await faultProxy({ target: server.url, limitBytes: 100_000 })
    const client = new Client(proxy.url)
    await client.ended
    expect(
      client.frames.reduce((bytes, frame) => bytes + Buffer.byteLength(frame) + 4, 0),
    ).toBeGreaterThan(98_000)
    expect(proxy.fired).toEqual(['limit'])
  })

  it('leaves a connection half-open: nothing passes, no end is forwarded', async () => {
    await using server = await fakeJetstream()
    await using proxy = await faultProxy({ target: server.url })
    await using client = new Client(proxy.url)
    await once(client.ws, 'open')
    proxy.set({ halfOpen: true })
    server.emit('{"n":1}')
    await server.idle()
    server.restart()
    await server.closed()
    await using second = new Client(server.url)
    await once(second.ws, 'open')
    expect({ frames: client.frames.length, state: client.ws.readyState }).toEqual({
      frames: 0,
      state: client.ws.OPEN,
    })
    proxy.set({ halfOpen: false })
    expect((await client.ended).code).toBe(1006)
    expect(client.frames).toEqual(['{"n":1}'])
    expect(proxy.fired).toContain('halfOpen')
  })

  it('accepts a connection and leads it nowhere', async () => {
    await using server = await fakeJetstream()
    await using proxy = await faultProxy({ target: server.url, blackhole: true })
    await using client = new Client(proxy.url)
    await proxy.when(() => proxy.fired.length === 1)
    await using direct = new Client(server.url)
    await once(direct.ws, 'open')
    expect(client.ws.readyState).toBe(client.ws.CONNECTING)
    expect(server.attempts).toHaveLength(1)
    expect(proxy.fired).toEqual(['blackhole'])
  })

  it('delays, slices and narrows the line, and loses nothing', async () => {
    await using server = await fakeJetstream({ events: 100 })
    await using proxy = await faultProxy({
      target: server.url,
      latencyMs: 20,
      bandwidth: 400_000,
      slice: { bytes: 1_000, delayMs: 1 },
    })
    const startedAt = performance.now()
    await using client = new Client(proxy.url)
    await client.received(100)
    expect(performance.now() - startedAt).toBeGreaterThan((1000 * 50_000) / 400_000)
    expect(new Set(proxy.fired)).toEqual(new Set(['latency', 'slice', 'bandwidth']))
  })

  it('rejects its end when a cut that was asked for met no connection', async () => {
    await using server = await fakeJetstream()
    const proxy = await faultProxy({ target: server.url, resetAfterBytes: 10 })
    await expect(proxy.close()).rejects.toThrow('faults of the proxy that never happened: reset')
  })
})
