import { DictionaryError } from '../../errors.js'
import { reasonOf } from '../../internal/message-of.js'
import { checkDictionary, MAX_DICTIONARY_BYTES } from './dictionary.js'

/**
 * Where a dictionary comes from: its bytes, a URL, URLs of which the first that has it is taken, or
 * in Node also a path.
 */
export type DictionarySource = Uint8Array | URL | string | readonly URL[]

export interface DictionaryOptions {
  /**
   * The SHA-256 that it must have, in hexadecimal. One that is known so is kept in the user's cache
   * folder (Node).
   */
  readonly sha256?: string
  /** The id that it must have. */
  readonly id?: number
  /** How long one URL may take, to the last byte. @default 5000 */
  readonly timeoutMs?: number
  /**
   * Sent with the request, such as `authorization`. A name and a password in the URL are sent as
   * well.
   */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * What wire v1 was always compressed with. The server has no endpoint for it; it is published with
 * the server's code.
 */
export const V1_DICTIONARY = {
  id: 1_612_007_021,
  sha256: 'b8d77b46933aceecbdd5275a01241efc985c970c78162b8150cf67a26522f70c',
  urls: [
    new URL(
      'https://raw.githubusercontent.com/bluesky-social/jetstream-legacy/main/pkg/models/zstd_dictionary',
    ),
    new URL(
      'https://raw.githubusercontent.com/bluesky-social/jetstream/main/internal/subscribe/dictionaries/legacy_subscribe.zdict',
    ),
  ],
} as const

const TIMEOUT_MS = 5000

/** A checked dictionary. Rejects with `DictionaryError` on whatever else there is. */
export async function loadDictionary(
  source: DictionarySource,
  options: DictionaryOptions = {},
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return checkedDictionary(source, options)
  return fetchDictionary(Array.isArray(source) ? source : [urlOf(String(source))], options)
}

/** From the first of `urls` that has it; what the last one said where none has. */
export async function fetchDictionary(
  urls: readonly URL[],
  options: DictionaryOptions,
): Promise<Uint8Array> {
  let failure: unknown = new DictionaryError('no URL of a dictionary is given')
  for (const url of urls) {
    try {
      return await checkedDictionary(await download(url, options), options)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function urlOf(text: string): URL {
  if (URL.canParse(text)) return new URL(text)
  throw new DictionaryError(`\`zstdDictionary\` is no URL: ${text}`)
}

/** The URL of the dictionary that a v2 server compresses with, or of one of its older ones. */
export function v2DictionaryUrl(host: string, id?: number): URL {
  const url = new URL('/xrpc/network.bsky.jetstream.getZstdDictionary', host)
  url.protocol = url.protocol.replace(/^ws/, 'http')
  if (id !== undefined) url.searchParams.set('id', String(id))
  return url
}

/** Throws unless `bytes` are the dictionary that was asked for. */
export async function checkedDictionary(
  bytes: Uint8Array,
  { id, sha256 }: DictionaryOptions,
): Promise<Uint8Array> {
  const actualId = checkDictionary(bytes)
  if (id !== undefined && id !== actualId)
    throw new DictionaryError(`the dictionary has the id ${actualId}, not ${id}`)
  // Absent on purpose: a browser has no digest on a page without TLS; the id is all that can be
  // asked for there.
  if (sha256 === undefined || globalThis.crypto?.subtle === undefined) return bytes
  const actual = await sha256Of(bytes)
  if (actual !== sha256.toLowerCase())
    throw new DictionaryError(`the dictionary has the SHA-256 ${actual}, not ${sha256}`)
  return bytes
}

async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function download(
  url: URL,
  { timeoutMs = TIMEOUT_MS, headers = {} }: DictionaryOptions,
): Promise<Uint8Array> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new DictionaryError(`a dictionary comes by http or https, not ${url.protocol}`)
  try {
    // One clock for the whole answer, so that a slow body ends as well.
    const answer = await fetch(withoutCredentials(url), {
      headers: { ...credentialsOf(url), ...headers },
      // A redirect would carry our headers to another host, and have us fetch whatever a server
      // names.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (answer.ok) return await bodyOf(answer)
    throw new DictionaryError(
      `there is no dictionary at ${pathOf(url)}: ${answer.status} ${(await bodyTextOf(answer)).slice(0, 300)}`.trim(),
    )
  } catch (error) {
    if (error instanceof DictionaryError) throw error
    throw new DictionaryError(
      `the dictionary cannot be fetched from ${pathOf(url)}: ${reasonOf(error)}`,
      { cause: error },
    )
  }
}

// `fetch` refuses a URL with a password, and repeats it in the message.
function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const bytes = new TextEncoder().encode(
    `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
  )
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}

// Without what may be a password or a token.
const pathOf = ({ origin, pathname }: URL): string => origin + pathname

async function bodyTextOf(answer: Response): Promise<string> {
  return new TextDecoder().decode(await bodyOf(answer))
}

/** The body, unless it is larger than any dictionary: then the rest is not read. */
async function bodyOf(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = answer.body?.getReader()
  for (
    let part = await reader?.read();
    part !== undefined && !part.done;
    part = await reader?.read()
  ) {
    chunks.push(part.value)
    size += part.value.length
    if (size > MAX_DICTIONARY_BYTES) {
      await reader?.cancel()
      throw new DictionaryError(
        `a dictionary has at most ${MAX_DICTIONARY_BYTES} bytes, and the answer is larger`,
      )
    }
  }
  return joined(chunks, size)
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
