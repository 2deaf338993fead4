import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DictionaryError } from '../../../src/errors.js'
import { Compressions } from '../../../src/sources/jetstream/compression.js'
import {
  type FakeJetstreamOptions,
  fakeJetstream,
  type JetstreamFault,
} from '../../../src/testing/index.js'
import * as decoders from '../../../src/zstd/decoders/node-decoders.js'
import {
  loadDictionary as loadInBrowser,
  V1_DICTIONARY,
} from '../../../src/zstd/dictionary/dictionary.js'
import { bytesOf, itWith } from '../../helpers/recordings.js'
import { first, generated, watched } from '../../traps/watched.js'
import { bomb, craft, dictionaryOf, encoder, ONE, TWO } from '../../zstd/frames.js'

// A copy, whose members a spec can replace.
jest.mock('../../../src/zstd/decoders/node-decoders.js', () => ({
  __esModule: true,
  ...jest.requireActual<typeof decoders>('../../../src/zstd/decoders/node-decoders.js'),
}))

const EVENTS = generated(200)
const unnumbered = (events: readonly { cursor?: number }[]) =>
  events.map(({ cursor, ...event }) => event)
const serve = (options: FakeJetstreamOptions = {}) =>
  fakeJetstream({ server: 'v2', events: EVENTS, dictionary: dictionaryOf(ONE), ...options })

const DECODER = /^(wasm|napi|zlib)$/
const zstd = (dictionaryId: number) => ({
  name: 'zstd',
  decoder: expect.stringMatching(DECODER),
  dictionaryId,
})
const dictionariesOf = (server: { attempts: readonly { params: URLSearchParams }[] }) =>
  server.attempts.map(({ params }) => params.get('zstdDictionary'))

describe.each([true, 'auto'] as const)('`compress: %p` on wire v2', (compress) => {
  it('reads frames of the dictionary that the server hands out, in fewer bytes', async () => {
    await using server = await serve()
    const source = watched(server, { wire: 'v2', host: server.host, compress })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics.compression).toEqual(zstd(ONE))
    expect(source.metrics.bytes).toBeLessThan(
      0.6 * Buffer.byteLength(EVENTS.map((event) => JSON.stringify(event)).join('')),
    )
    expect(dictionariesOf(server)).toEqual([String(ONE)])
    expect(server.requests.map(({ url }) => url)).toEqual([
      '/xrpc/network.bsky.jetstream.getZstdDictionary',
    ])
  })

  it('fetches a retired dictionary once more, at once, and goes on compressed', async () => {
    await using server = await serve({ faults: [{ after: 100, do: 'stall' }] })
    const source = watched(server, { wire: 'v2', host: server.host, compress })
    const events = first(200, source.events$)
    await server.when(() => server.fired.length === 1)
    await server.rotateDictionary(dictionaryOf(TWO))
    server.restart()
    expect(unnumbered(await events)).toEqual(EVENTS)
    expect(source.metrics.compression).toEqual(zstd(TWO))
    expect(dictionariesOf(server)).toEqual([String(ONE), String(ONE), String(TWO)])
    expect(server.requests).toHaveLength(2)
    expect(source.gaps).toEqual([])
  })

  it('goes on plain when the server refuses its own dictionary, and says why', async () => {
    const body = '{"error":"UnknownZstdDictionary","message":"unknown zstd dictionary id"}'
    await using server = await serve({
      faults: [
        { onConnect: 1, times: 2, do: 'refuse', status: 400, body },
        { after: 100, do: 'drop' },
      ],
    })
    const source = watched(server, { wire: 'v2', host: server.host, compress })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics.compression).toMatchObject({
      name: 'none',
      reason: { code: 'REFUSED', error: 'UnknownZstdDictionary' },
    })
    expect(dictionariesOf(server)).toEqual([String(ONE), String(ONE), null, null])
    expect(
      source.snapshots
        .filter(({ connection }) => connection.state === 'waiting')
        .every(({ events }) => events > 0),
    ).toBe(true)
  })

  it('offers no permessage-deflate, on either wire', async () => {
    await using server = await serve()
    await first(1, watched(server, { wire: 'v2', host: server.host, compress }).events$)
    await first(
      1,
      watched(server, { compress, zstdDictionary: dictionaryOf(ONE), cursor: 'oldest' }).events$,
    )
    for (const { headers } of server.attempts)
      expect(headers['sec-websocket-extensions']).toBeUndefined()
    expect(server.connections).toHaveLength(2)
  })

  it('takes a dictionary that it is given on wire v2 too', async () => {
    await using server = await serve()
    const source = watched(server, {
      wire: 'v2',
      host: server.host,
      compress,
      zstdDictionary: dictionaryOf(ONE),
    })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(server.requests).toEqual([])
  })

  it('finds out that a server has wire v1 alone', async () => {
    await using server = await fakeJetstream({ events: EVENTS, dictionary: dictionaryOf(ONE) })
    const source = watched(server, {
      wire: 'auto',
      host: server.host,
      compress,
      zstdDictionary: await fileOf(dictionaryOf(ONE)),
    })
    expect(await first(200, source.events$)).toEqual(EVENTS)
    expect(source.metrics.compression).toEqual(zstd(ONE))
    expect(server.attempts.at(-1)?.params.get('compress')).toBe('true')
  })
})

describe("`compress: 'auto'` never fails the stream", () => {
  const html = { 'content-type': 'text/html' }
  const FAULTS: readonly (readonly [string, JetstreamFault, RegExp])[] = [
    ['answers 404', { onDictionary: 1, do: 'refuse', status: 404 }, /404/],
    ['answers 500', { onDictionary: 1, do: 'refuse', status: 500, body: 'oops' }, /500 oops/],
    [
      'answers with a page',
      {
        onDictionary: 1,
        do: 'refuse',
        status: 200,
        body: `<html>${' '.repeat(300)}`,
        headers: html,
      },
      /no zstd dictionary/,
    ],
    ['answers with a gigabyte', { onDictionary: 1, do: 'flood' }, /at most 1048576 bytes/],
    ['does not answer', { onDictionary: 1, do: 'hang' }, /timeout/],
  ]

  it.each(FAULTS)(
    'where the endpoint of the dictionary %s: it goes on plain, and says why',
    async (_, fault, message) => {
      await using server = await serve({ faults: [fault] })
      const source = watched(server, { wire: 'v2', host: server.host, compress: 'auto' })
      expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
      expect(source.metrics.compression).toMatchObject({
        name: 'none',
        reason: { code: 'DICTIONARY', message: expect.stringMatching(message) },
      })
      expect(dictionariesOf(server)).toEqual([null])
      expect(server.fired).toHaveLength(1)
    },
  )

  it('and has the dictionary with the next connection', async () => {
    await using server = await serve({
      faults: [
        { onDictionary: 1, do: 'refuse' },
        { after: 100, do: 'drop' },
      ],
    })
    const source = watched(server, { wire: 'v2', host: server.host, compress: 'auto' })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(dictionariesOf(server)).toEqual([null, String(ONE)])
  })

  it('where a server of wire v1 has no dictionary for it, and sends text', async () => {
    await using server = await fakeJetstream({ events: EVENTS })
    const source = watched(server, { compress: 'auto', zstdDictionary: dictionaryOf(ONE) })
    expect(await first(200, source.events$)).toEqual(EVENTS)
  })

  it('where its dictionary is at no path', async () => {
    await using server = await fakeJetstream({ events: EVENTS })
    const source = watched(server, { compress: 'auto', zstdDictionary: '/no/such/dictionary' })
    expect(await first(200, source.events$)).toEqual(EVENTS)
    expect(source.metrics.compression).toMatchObject({
      name: 'none',
      reason: { code: 'DICTIONARY' },
    })
  })
})

describe('`compress: true`', () => {
  it('retries with backoff if the dictionary cannot be loaded, without a dial', async () => {
    await using server = await serve({ faults: [{ onDictionary: 1, times: 2, do: 'refuse' }] })
    const source = watched(server, { wire: 'v2', host: server.host, compress: true })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    const waits = source.snapshots.flatMap(({ connection }) =>
      connection.state === 'waiting' ? [connection] : [],
    )
    expect(waits.map(({ attempt, reason }) => [attempt, reason.code])).toEqual([
      [1, 'DICTIONARY'],
      [2, 'DICTIONARY'],
    ])
    expect(dictionariesOf(server)).toEqual([String(ONE)])
  })

  it.each(['v2', 'auto'] as const)(
    'ends the stream at once, without a dial, where there is no decoder (wire %s)',
    async (wire) => {
      const none = new DictionaryError('there is no decoder', { retryable: false })
      jest.spyOn(decoders, 'napiDecoder').mockResolvedValue(undefined)
      jest.spyOn(decoders, 'nodeWasmDecoder').mockRejectedValue(none)
      jest.spyOn(decoders, 'zlibDecoder').mockReturnValue(undefined)
      // No decoder of the process is for it yet.
      const dictionary = dictionaryOf(ONE).map((byte, at) => (at === 4 ? 9 : byte))
      await using server = await serve({ dictionary })
      const source = watched(server, { wire, host: server.host, compress: true })
      await expect(first(1, source.events$)).rejects.toMatchObject({
        code: 'DICTIONARY',
        retryable: false,
      })
      expect(server.attempts).toEqual([])
      jest.restoreAllMocks()
    },
  )

  it("finds the wire of a server without its dictionary, under `wire: 'auto'`", async () => {
    await using server = await serve({ faults: [{ onDictionary: 1, times: 2, do: 'refuse' }] })
    const source = watched(server, {
      wire: 'auto',
      host: server.host,
      compress: true,
      cursor: 'oldest',
    })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics.compression).toEqual(zstd(ONE))
    // One to find the wire out, which brings nothing, and the one that is read.
    expect(dictionariesOf(server)).toEqual([null, String(ONE)])
  })

  itWith(
    ['jetstream/zstd_dictionary'],
    'uses the published dictionary on wire v1, by default and from the cache',
    async () => {
      const dictionary = bytesOf('jetstream/zstd_dictionary')
      expect(await loadInBrowser(dictionary, V1_DICTIONARY)).toHaveLength(112_640)
      const changed = dictionary.map((byte, at) => (at === 9000 ? 0 : byte))
      await expect(loadInBrowser(changed, V1_DICTIONARY)).rejects.toThrow(/SHA-256/)
      const cache = await mkdtemp(join(tmpdir(), 'cache-'))
      await mkdir(join(cache, 'rxjs-atproto'))
      await writeFile(join(cache, 'rxjs-atproto', `${V1_DICTIONARY.sha256}.zdict`), dictionary)
      await using server = await fakeJetstream({ events: EVENTS, dictionary })
      const { XDG_CACHE_HOME } = process.env
      process.env.XDG_CACHE_HOME = cache
      try {
        const source = watched(server, { wire: 'auto', host: server.host, compress: true })
        expect(await first(200, source.events$)).toEqual(EVENTS)
        expect(source.metrics.compression).toEqual(zstd(V1_DICTIONARY.id))
        expect(server.attempts.map(({ status }) => status)).toEqual([404, 101])
      } finally {
        if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME
        else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME
      }
    },
  )

  it('ends the stream when its attempts are used up', async () => {
    await using server = await serve({
      faults: [{ onDictionary: 1, times: 3, do: 'refuse', status: 404 }],
    })
    const source = watched(server, {
      wire: 'v2',
      host: server.host,
      compress: true,
      reconnect: { maxAttempts: 2, initialDelayMs: 1 },
    })
    await expect(first(1, source.events$)).rejects.toMatchObject({
      code: 'RECONNECT_EXHAUSTED',
      cause: { code: 'DICTIONARY' },
    })
  })

  it('can be ended while the dictionary is fetched', async () => {
    await using server = await serve({ faults: [{ onDictionary: 1, do: 'hang' }] })
    const source = watched(server, { wire: 'v2', host: server.host, compress: true })
    const subscription = source.events$.subscribe()
    await server.when(() => server.fired.length === 1)
    subscription.unsubscribe()
    expect(source.metrics.connection.state).toBe('closed')
    expect(server.attempts).toEqual([])
  })
})

/** A file that holds these bytes. */
async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'dictionary-')), 'x.zdict')
  await writeFile(path, bytes)
  return path
}

describe('the dictionary of wire v1', () => {
  const sources: Readonly<Record<string, (url: string) => Promise<Uint8Array | URL | string>>> = {
    'its bytes': async () => dictionaryOf(ONE),
    'a path': async () => fileOf(dictionaryOf(ONE)),
    'a URL as text': async (url) => url,
    'a URL': async (url) => new URL(url),
  }

  it.each(Object.keys(sources))('comes from %s', async (name) => {
    const http = createServer((_, response) => response.end(dictionaryOf(ONE)))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const zstdDictionary =
      (await sources[name]?.(`http://127.0.0.1:${(http.address() as AddressInfo).port}/x.zdict`)) ??
      ''
    for (const kind of ['legacy', 'v2'] as const) {
      await using server = await serve({ server: kind })
      const source = watched(server, { compress: true, zstdDictionary })
      expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
      expect(source.metrics.compression).toEqual(zstd(ONE))
      expect(server.attempts[0]?.params.get('compress')).toBe('true')
    }
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })

  it('is loaded once for all connections', async () => {
    let fetched = 0
    const http = createServer((_, response) => {
      fetched += 1
      response.end(dictionaryOf(ONE))
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    await using server = await serve({
      server: 'legacy',
      faults: [50, 100, 150].map((after) => ({ after, do: 'drop' })),
    })
    const zstdDictionary = `http://127.0.0.1:${(http.address() as AddressInfo).port}/x.zdict`
    await first(200, watched(server, { compress: true, zstdDictionary }).events$)
    expect(server.connections).toHaveLength(4)
    expect(fetched).toBe(1)
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
})

describe('a compressed stream', () => {
  const corrupt = (frame: Uint8Array) => {
    const broken = frame.slice()
    // The type of the first block: 3 is reserved.
    broken[readHeaderBytes] = (broken[readHeaderBytes] ?? 0) | 0b110
    return broken
  }
  // Magic, descriptor, window or none, four bytes of id, two of size: what the encoder writes for a
  // text of 256 to 65,791 bytes.
  const readHeaderBytes = 4 + 1 + 4 + 2

  it.each(['v1', 'v2'] as const)(
    'on wire %s rejects what is wrong with a frame, each with its bytes, and goes on',
    async (wire) => {
      const [one, two] = [await encoder(dictionaryOf(ONE)), await encoder(dictionaryOf(TWO))]
      const text = JSON.stringify(EVENTS[0])
      const frames: readonly (readonly [string, Uint8Array, RegExp])[] = [
        ['truncated', one(text).subarray(0, -5), /truncated/],
        ['corrupt', corrupt(one(text)), /corrupt/],
        ['of another dictionary', two(text), /dictionary 2222, not 1111/],
        ['no frame', Buffer.from('{"kind":"commit"}'), /zstd/],
        ['empty', new Uint8Array(), /truncated/],
        ['a bomb', bomb(ONE), /larger than `maxFrameBytes`/],
        ['a bomb that says so', bomb(ONE, 200 * 2 ** 20), /larger than `maxFrameBytes`/],
        ['a bomb that lies', bomb(ONE, 1000), /./],
        ['no UTF-8', craft({ dictionaryId: ONE, blocks: [Uint8Array.of(0xff, 0xfe)] }), /UTF-8/],
        ['no JSON', one('{"did":'), /no JSON/],
      ]
      await using server = await serve({
        faults: frames.map(([, frame], index) => ({
          after: (index + 1) * 10,
          do: 'garbage',
          frame,
          as: 'binary',
        })),
      })
      const before = process.memoryUsage().rss
      const source = watched(server, {
        wire,
        host: server.host,
        compress: true,
        zstdDictionary: dictionaryOf(ONE),
      })
      expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
      expect(source.rejects.map(({ error }) => error.message)).toEqual(
        frames.map(([, , message]) => expect.stringMatching(message)),
      )
      expect(source.rejects.map(({ error }) => error.code)).toEqual(frames.map(() => 'FRAME'))
      expect(server.connections).toHaveLength(1)
      expect(server.fired).toHaveLength(frames.length)
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
    },
  )

  it('reads text all the same', async () => {
    const event = { ...EVENTS[0], did: 'did:web:text', cursor: 23_999_999_999 }
    await using server = await serve({
      faults: [{ after: 0, do: 'garbage', frame: JSON.stringify(event) }],
    })
    const source = watched(server, { compress: true, zstdDictionary: dictionaryOf(ONE) })
    const events = await first(201, source.events$)
    expect(events[0]).toEqual(event)
    expect(unnumbered(events.slice(1))).toEqual(EVENTS)
  })

  it('that was never asked for is rejected, frame by frame', async () => {
    const frame = (await encoder(dictionaryOf(ONE)))('{}')
    await using server = await serve({ faults: [{ after: 10, do: 'garbage', frame }] })
    const source = watched(server)
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.metrics).toMatchObject({ rejected: 1, compression: { name: 'none' } })
  })

  it('caps what a frame may hold at `maxFrameBytes`', async () => {
    const large = {
      ...EVENTS[100],
      time_us: (EVENTS[99]?.time_us ?? 0) + 1,
      commit: {
        rev: 'x',
        operation: 'create',
        collection: 'a.b.c',
        rkey: 'r',
        cid: 'c',
        record: { text: 'x'.repeat(20_000) },
      },
      kind: 'commit',
    } as (typeof EVENTS)[number]
    await using server = await serve({
      events: [...EVENTS.slice(0, 100), large, ...EVENTS.slice(100)],
    })
    const source = watched(server, {
      compress: true,
      zstdDictionary: dictionaryOf(ONE),
      maxFrameBytes: 10_000,
    })
    expect(unnumbered(await first(200, source.events$))).toEqual(EVENTS)
    expect(source.rejects).toMatchObject([
      { error: { message: expect.stringContaining('`maxFrameBytes` (10000)') } },
    ])
  })
})

describe('the decoders of many streams', () => {
  it('are one for each dictionary in the process', async () => {
    const made = await Promise.all(
      [1, 2, 3].map(() => new Compressions(true, dictionaryOf(ONE)).v1('ws://a')),
    )
    expect(new Set(made.map(({ decoder }) => decoder)).size).toBe(1)
  })
})
