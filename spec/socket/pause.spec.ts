import type { Socket } from 'node:net'
import { Changes } from '../../src/testing/server/changes.js'
import { Dialling } from './dialling.js'
import { frame, wsServer } from './servers.js'

const text = (n: number) => frame(1, Buffer.from(`${n}`))
const texts = (count: number) => Buffer.concat(Array.from({ length: count }, (_, n) => text(n)))
const chunk = frame(1, Buffer.alloc(60_000, 'x'))
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)

/** A server that writes when it is told to. */
async function writer() {
  const changes = new Changes()
  let tcp: Socket | undefined
  const server = await wsServer((_ws, _request, socket) => {
    tcp = socket
    changes.notify()
  })
  const connected = async () => {
    await changes.when(() => tcp !== undefined)
    return tcp as Socket
  }
  return { server, connected }
}

/** Pauses at the first of fifty frames. */
async function pausedAtFirst(dialling: Dialling, tcp: Socket) {
  const connection = await dialling.opened()
  dialling.onFrame = (one) => one === '0' && connection.pause()
  // One packet, so that ws has all of it when the first is handled.
  tcp.write(texts(50))
  await dialling.received(1)
  await new Promise(setImmediate)
  return connection
}

describe('a paused socket', () => {
  it('keeps what ws had read already, and hands it out in order after resume', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await pausedAtFirst(dialling, await connected())
    expect(dialling.frames).toEqual(['0'])
    // The proof that they came out of ws while it was paused.
    expect(connection.heard).toBe(50)
    connection.resume()
    expect(await dialling.received(50)).toEqual(numbers(50))
  })

  it('tells the end of a read behind what it kept, too', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url, { tellsReadEnd: true })
    const connection = await pausedAtFirst(dialling, await connected())
    connection.resume()
    await dialling.readEnded(50)
    expect(dialling.frames).toEqual(numbers(50))
  })

  it('stops again in the middle of what it kept', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    dialling.onFrame = (one) => Number(one) % 10 === 0 && connection.pause()
    ;(await connected()).write(texts(45))
    for (const count of [1, 11, 21, 31, 41]) {
      await dialling.received(count)
      await new Promise(setImmediate)
      expect(dialling.frames).toHaveLength(count)
      connection.resume()
    }
    expect(await dialling.received(45)).toEqual(numbers(45))
  })

  it('takes what comes between its resume and the end of its backlog in order', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    let turns = 0
    dialling.onFrame = () => {
      connection.pause()
      if (turns++ % 3 === 0) connection.resume()
      else setImmediate(() => connection.resume())
    }
    const tcp = await connected()
    for (let n = 0; n < 300; n++) tcp.write(text(n))
    expect(await dialling.received(300)).toEqual(numbers(300))
  })

  it('never delivers in the call of resume', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    dialling.onFrame = (one) => one === '0' && connection.pause()
    ;(await connected()).write(texts(2))
    await dialling.received(1)
    await new Promise(setImmediate)
    connection.resume()
    expect(dialling.frames).toHaveLength(1)
    await dialling.received(2)
  })

  it('lets TCP push back: the server cannot write on and on', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    connection.pause()
    const tcp = await connected()
    let written = 0
    while (tcp.writableLength < 1_000_000 && written < 1000) {
      tcp.write(chunk)
      written += 1
      await new Promise(setImmediate)
    }
    expect(written).toBeLessThan(1000)
    expect(dialling.frames).toHaveLength(0)
    connection.resume()
    expect(await dialling.received(written)).toHaveLength(written)
  })

  it.each([0, 1])(
    'in the call that opens it lets TCP push back, with %i frames in the handshake packet',
    async (early) => {
      let [written, isOver] = [0, false]
      const stopped = new Changes()
      await using server = await wsServer(async (_ws, _request, tcp) => {
        tcp.cork()
        for (; written < early; written++) tcp.write(chunk)
        tcp.uncork()
        for (; tcp.writableLength < 1_000_000 && written < 1000; written++) {
          tcp.write(chunk)
          await new Promise(setImmediate)
        }
        isOver = true
        stopped.notify()
      })
      using dialling = new Dialling(server.url)
      dialling.onConnection = (connection) => connection.pause()
      const connection = await dialling.opened()
      await stopped.when(() => isOver)
      expect(written).toBeLessThan(1000)
      expect(connection.bytes).toBeLessThan(1_000_000)
      connection.resume()
      expect(await dialling.received(written)).toHaveLength(written)
    },
  )

  it('that the peer ends, in the middle of a header, hands out all that came before', async () => {
    const { server, connected } = await writer()
    await using _server = server
    using dialling = new Dialling(server.url)
    const connection = await dialling.opened()
    dialling.onFrame = (one) => one === '0' && connection.pause()
    const tcp = await connected()
    tcp.write(Buffer.concat([texts(10), Buffer.from([0x81])]))
    await dialling.received(1)
    tcp.write(Buffer.concat([Buffer.from([0x01]), Buffer.from('!'), text(10)]))
    tcp.end()
    await new Promise(setImmediate)
    connection.resume()
    expect(await dialling.ended()).toMatchObject({ closeCode: 1006 })
    expect(dialling.frames).toEqual([...numbers(10), '!', '10'])
  })

  it('that is closed drops its backlog, which the cursor brings again', async () => {
    const { server, connected } = await writer()
    await using _server = server
    const dialling = new Dialling(server.url)
    const connection = await pausedAtFirst(dialling, await connected())
    connection.resume()
    dialling.unsubscribe()
    await new Promise(setImmediate)
    expect(dialling.frames).toEqual(['0'])
  })
})
