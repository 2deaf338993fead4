import { once } from 'node:events'
import { type FakeJetstreamOptions, fakeJetstream } from '../../src/testing/index.js'
import { readFrameHeader } from '../../src/zstd/frame/check-frame.js'
import { bestDecoder } from '../../src/zstd/node.js'
import { dictionaryOf, ONE, TWO } from '../zstd/frames.js'
import { Client, refusalOf } from './client.js'

const PATH = '/xrpc/network.bsky.jetstream.subscribeEvents'
const DICTIONARY = '/xrpc/network.bsky.jetstream.getZstdDictionary'
const v2 = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', firstSeq: 1_000, dictionary: dictionaryOf(ONE), ...options })

/** The messages of a client, as bytes or as text. */
async function messagesOf(client: Client, count: number): Promise<readonly (Buffer | string)[]> {
  const messages: (Buffer | string)[] = []
  client.ws.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : String(data)))
  while (messages.length < count) await once(client.ws, 'message')
  return messages
}

describe('the compression of fakeJetstream', () => {
  it('compresses both wires with its dictionary, small frames without a size', async () => {
    const decoder = await bestDecoder(dictionaryOf(ONE))
    for (const [path, query] of [
      [PATH, `&zstdDictionary=${ONE}`],
      ['/subscribe', '&compress=true'],
    ]) {
      await using server = await v2({ events: 300, stored: 'all' })
      await using plain = new Client(`ws://${server.host}${path}`, '?cursor=1000')
      await plain.received(300)
      await using client = new Client(`ws://${server.host}${path}`, `?cursor=1000${query}`)
      const frames = (await messagesOf(client, 300)) as readonly Buffer[]
      expect(frames.map((frame) => decoder.decode(frame, 100_000))).toEqual(plain.frames)
      for (const [index, frame] of frames.entries()) {
        const { contentBytes, dictionaryId } = readFrameHeader(frame)
        const bytes = Buffer.byteLength(plain.frames[index] ?? '')
        expect({ contentBytes, dictionaryId }).toEqual({
          contentBytes: bytes < 256 ? undefined : bytes,
          dictionaryId: ONE,
        })
      }
    }
  })

  it('compresses notices and error frames too', async () => {
    const decoder = await bestDecoder(dictionaryOf(ONE))
    await using server = await v2({
      events: 5,
      stored: 'all',
      faults: [{ after: 5, do: 'error', error: 'InternalError' }],
    })
    const client = new Client(
      `ws://${server.host}${PATH}`,
      `?cursor=1700000000000000&zstdDictionary=${ONE}`,
    )
    const frames = (await messagesOf(client, 7)) as readonly Buffer[]
    const texts = frames.map((frame) => decoder.decode(frame, 100_000))
    expect(texts[0]).toContain('OutdatedCursor')
    expect(texts[6]).toContain('InternalError')
    await client.ended
  })

  it('hands its dictionary out, with its id and a tag', async () => {
    await using server = await v2()
    const http = `http://${server.host}${DICTIONARY}`
    const answer = await fetch(http)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(dictionaryOf(ONE))
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      etag: `"zstd-dict-${ONE}"`,
      'x-zstd-dictionary-id': String(ONE),
      'content-type': 'application/octet-stream',
    })
    expect((await fetch(http, { headers: { 'if-none-match': `"zstd-dict-${ONE}"` } })).status).toBe(
      304,
    )
    expect((await fetch(`${http}?id=${ONE}`)).status).toBe(200)
    const unknown = await fetch(`${http}?id=7`)
    expect([unknown.status, await unknown.json()]).toEqual([
      404,
      {
        error: 'DictionaryNotFound',
        message: `no dictionary with id 7; current dictionary id is ${ONE}`,
      },
    ])
    expect((await fetch(`${http}?id=abc`)).status).toBe(400)
    expect(server.requests.map(({ status }) => status)).toEqual([200, 304, 200, 404, 400])
  })

  it('refuses another dictionary than its own, and its own once that was rotated', async () => {
    await using server = await v2()
    const refused = async (id: string | number) => {
      const { status, body } = await refusalOf(
        `ws://${server.host}${PATH}`,
        `?zstdDictionary=${id}`,
      )
      return [status, JSON.parse(body)]
    }
    const message =
      `unknown zstd dictionary id 7; current dictionary id is ${ONE} (fetch it via ` +
      'getZstdDictionary and reconnect)'
    expect(await refused(7)).toEqual([400, { error: 'UnknownZstdDictionary', message }])
    const invalid = {
      error: 'InvalidRequest',
      message: 'zstdDictionary must be a positive integer zstd dictionary ID',
    }
    expect(await refused(0)).toEqual([400, invalid])
    expect(await refused('abc')).toEqual([400, invalid])
    await server.rotateDictionary(dictionaryOf(TWO))
    expect((await refused(ONE))[1].error).toBe('UnknownZstdDictionary')
    await using client = new Client(`ws://${server.host}${PATH}`, `?zstdDictionary=${TWO}`)
    await once(client.ws, 'open')
    await using empty = new Client(`ws://${server.host}${PATH}`, '?zstdDictionary=')
    await once(empty.ws, 'open')
  })

  it('spoils the answer for the dictionary on request', async () => {
    await using server = await v2({
      faults: [
        { onDictionary: 1, do: 'refuse', status: 500, body: 'oops' },
        { onDictionary: 2, do: 'flood' },
        { onDictionary: 3, do: 'hang' },
      ],
    })
    const http = `http://${server.host}${DICTIONARY}`
    expect((await fetch(http)).status).toBe(500)
    const flood = await fetch(http)
    const reader = flood.body?.getReader()
    for (let bytes = 0; bytes < 20_000_000; )
      bytes += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY
    await reader?.cancel()
    const signal = AbortSignal.timeout(100)
    await expect(fetch(http, { signal })).rejects.toThrow()
    expect((await fetch(http)).status).toBe(200)
    expect(server.fired).toHaveLength(3)
  })

  it('of a legacy server measures the size limit after it', async () => {
    const events = { events: 200, stored: 'all', dictionary: dictionaryOf(ONE) } as const
    await using server = await fakeJetstream(events)
    await using client = new Client(server.url, '?cursor=1&compress=true&maxMessageSizeBytes=400')
    await server.connected()
    await server.idle()
    expect(server.sent).toBeGreaterThan(0)
    await using plain = await fakeJetstream(events)
    await using _other = new Client(plain.url, '?cursor=1&maxMessageSizeBytes=400')
    await plain.connected()
    await plain.idle()
    expect(plain.sent).toBeLessThan(server.sent)
    expect(client.ws.readyState).toBe(client.ws.OPEN)
  })
})
