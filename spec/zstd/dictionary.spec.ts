import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DictionaryError } from '../../src/errors.js'
import {
  checkDictionary,
  loadDictionary as loadInBrowser,
  v2DictionaryUrl,
} from '../../src/zstd/dictionary/dictionary.js'
import { cacheFolder, loadDictionary } from '../../src/zstd/dictionary/node-source.js'
import { dictionaryOf, ONE, TWO } from './frames.js'

const dictionary = dictionaryOf(ONE)
const sha256 = '678b0c905851e77168b26750daf27ed1cd16979d46d61fee0695fa13512b6156'
const html = Buffer.from('<!doctype html><title>Not found</title>'.repeat(9))

let folder: string
let server: Server
let url: URL
let requests = 0
let answer: RequestListener

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/dictionary`)
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rxjs-atproto-'))
  requests = 0
  answer = (_, response) => response.end(dictionary)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const cached = () => join(folder, `${sha256}.zdict`)
const load = (options = {}) => loadDictionary(url, { cacheFolder: folder, sha256, ...options })

describe('a dictionary', () => {
  it('is known by its magic, and named by its id', () => {
    expect(checkDictionary(dictionary)).toBe(ONE)
    expect(checkDictionary(dictionaryOf(TWO))).toBe(TWO)
  })

  it.each([
    ['nothing', new Uint8Array(), /these 0 bytes are no zstd dictionary/],
    ['a page of HTML', html, /no zstd dictionary/],
    ['the beginning of one', dictionary.subarray(0, 20), /no zstd dictionary/],
    ['more than 1 MiB', new Uint8Array(2 ** 20 + 1), /at most 1048576 bytes, this one 1048577/],
    ['one with the id 0', dictionary.map((byte, at) => (at >= 4 && at < 8 ? 0 : byte)), /the id 0/],
  ])('is not %s', (_, bytes, message) => {
    expect(() => checkDictionary(bytes)).toThrow(DictionaryError)
    expect(() => checkDictionary(bytes)).toThrow(message)
  })
})

describe('loadDictionary', () => {
  it('takes bytes, a path, a file URL and a URL', async () => {
    const path = join(folder, 'dictionary')
    writeFileSync(path, dictionary)
    for (const source of [
      dictionary,
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      url,
      url.href,
    ]) {
      expect(Buffer.compare(await loadDictionary(source), dictionary)).toBe(0)
    }
    expect(requests).toBe(2)
  })

  it('takes the first of several URLs that has it', async () => {
    answer = (request, response) =>
      request.url === '/b' ? response.end(dictionary) : response.writeHead(404).end()
    const urls = ['/a', '/b', '/c'].map((path) => new URL(path, url))
    expect(Buffer.compare(await loadDictionary(urls), dictionary)).toBe(0)
    expect(requests).toBe(2)
    await expect(loadDictionary([])).rejects.toThrow(DictionaryError)
  })

  it('sends headers, and the name and password of a URL', async () => {
    const sent: (string | undefined)[] = []
    answer = ({ headers }, response) => {
      sent.push(headers.authorization, headers['x-key'] as string | undefined)
      response.end(dictionary)
    }
    const withPassword = new URL(url)
    withPassword.username = 'me'
    withPassword.password = 'p@ss'
    await loadDictionary(withPassword, { headers: { 'x-key': 'k' } })
    expect(sent).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`, 'k'])
  })

  it('fetches one whose SHA-256 is known once, and keeps it', async () => {
    expect(Buffer.compare(await load(), dictionary)).toBe(0)
    expect(readdirSync(folder)).toEqual([`${sha256}.zdict`])
    expect(Buffer.compare(readFileSync(cached()), dictionary)).toBe(0)
    answer = (_, response) => response.destroy()
    expect(Buffer.compare(await load({ sha256: sha256.toUpperCase() }), dictionary)).toBe(0)
    expect(requests).toBe(1)
  })

  it.each([
    ['cut short', dictionary.subarray(0, 1000)],
    ['changed', dictionary.map((byte, at) => (at === 3000 ? byte ^ 1 : byte))],
    ['empty', new Uint8Array()],
    ['another', dictionaryOf(TWO)],
    ['larger than any', new Uint8Array(2 ** 21)],
  ])('fetches it again where what was kept is %s', async (_, damaged) => {
    writeFileSync(cached(), damaged)
    expect(Buffer.compare(await load(), dictionary)).toBe(0)
    expect(requests).toBe(1)
    expect(Buffer.compare(readFileSync(cached()), dictionary)).toBe(0)
  })

  it('leaves one whole file where many load it at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => load()))
    expect(readdirSync(folder)).toEqual([`${sha256}.zdict`])
    expect(Buffer.compare(readFileSync(cached()), dictionary)).toBe(0)
  })

  it('does without a cache folder that cannot be written', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(Buffer.compare(await load({ cacheFolder: join(file, 'below') }), dictionary)).toBe(0)
    expect(requests).toBe(1)
  })

  it('refuses another id or SHA-256 than was asked for, and keeps nothing', async () => {
    answer = (_, response) => response.end(dictionaryOf(TWO))
    await expect(load()).rejects.toThrow(new RegExp(`the SHA-256 [0-9a-f]{64}, not ${sha256}`))
    await expect(load({ id: ONE })).rejects.toThrow('the dictionary has the id 2222, not 1111')
    expect(readdirSync(folder)).toEqual([])
  })

  it.each<[string, RequestListener, RegExp]>([
    [
      '404',
      (_, response) =>
        response.writeHead(404).end('{"error":"DictionaryNotFound","message":"current is 7"}'),
      /404 .*current is 7/,
    ],
    [
      '500',
      (_, response) => response.writeHead(500).end(),
      /there is no dictionary at http:\/\/127\.0\.0\.1:\d+\/dictionary: 500/,
    ],
    ['HTML', (_, response) => response.end(html), /no zstd dictionary/],
    ['a body without an end', (_, response) => flood(response), /at most 1048576 bytes/],
    ['silence', () => {}, /cannot be fetched/],
    [
      'half a body and silence',
      (_, response) => response.write(dictionary.subarray(0, 100)),
      /cannot be fetched/,
    ],
    [
      'half a body',
      (_, response) =>
        response.writeHead(200, { 'content-length': 4096 }).write('x', () => response.destroy()),
      /cannot be fetched/,
    ],
    [
      'a redirect to a file',
      (_, response) => response.writeHead(302, { location: 'file:///etc/hosts' }).end(),
      /cannot be fetched/,
    ],
  ])('answers %s with a DictionaryError', async (what, listener, message) => {
    answer = listener
    // Only where nothing else ends the request is its timeout what is waited for.
    const timeoutMs = /silence/.test(what) ? 300 : 30_000
    for (const get of [loadDictionary, loadInBrowser]) {
      const failure = await get(url, { timeoutMs }).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(DictionaryError)
      expect(failure).toMatchObject({
        code: 'DICTIONARY',
        retryable: true,
        message: expect.stringMatching(message),
      })
    }
  })

  it('follows no redirect: neither headers nor a password go to another host', async () => {
    answer = (request, response) =>
      request.url === '/dictionary'
        ? response.writeHead(302, { location: '/elsewhere' }).end()
        : response.end(dictionary)
    for (const get of [loadDictionary, loadInBrowser]) {
      await expect(get(url, { headers: { authorization: 'secret' } })).rejects.toThrow(
        /cannot be fetched from .*: .*redirect/,
      )
    }
    expect(requests).toBe(2)
  })

  it('refuses what cannot be read, and says where it was looked for', async () => {
    await expect(loadDictionary(join(folder, 'absent'))).rejects.toThrow(
      /cannot be read from .*absent/,
    )
    await expect(loadDictionary(folder)).rejects.toThrow(DictionaryError)
    await expect(loadDictionary('/dev/zero')).rejects.toThrow(DictionaryError)
    await expect(loadDictionary(new URL('ftp://host/dictionary'))).rejects.toThrow(
      /http or https, not ftp:/,
    )
    await expect(loadInBrowser('a path')).rejects.toThrow(/no URL/)
    await expect(loadDictionary(new URL('http://user:secret@127.0.0.1:1/'))).rejects.toThrow(
      /^((?!secret).)*$/,
    )
  })
})

describe('the known dictionaries', () => {
  it('of wire v2 are at the server', () => {
    expect(v2DictionaryUrl('wss://a.example/').href).toBe(
      'https://a.example/xrpc/network.bsky.jetstream.getZstdDictionary',
    )
    expect(v2DictionaryUrl('ws://127.0.0.1:8080/subscribe?a=b', 20260811).href).toBe(
      'http://127.0.0.1:8080/xrpc/network.bsky.jetstream.getZstdDictionary?id=20260811',
    )
  })
})

describe('cacheFolder', () => {
  it('is where the system keeps such things', () => {
    expect(cacheFolder('linux', {})).toBe(join(homedir(), '.cache', 'rxjs-atproto'))
    expect(cacheFolder('linux', { XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'rxjs-atproto'))
    expect(cacheFolder('darwin', { XDG_CACHE_HOME: '/x' })).toBe(
      join(homedir(), 'Library', 'Caches', 'rxjs-atproto'),
    )
    expect(cacheFolder('win32', { LOCALAPPDATA: '/l' })).toBe(join('/l', 'rxjs-atproto'))
  })
})

function flood(response: Parameters<RequestListener>[1]): void {
  const write = () => {
    while (response.write(html.subarray(0, 300).toString().repeat(200)));
  }
  response.on('drain', write)
  write()
}
