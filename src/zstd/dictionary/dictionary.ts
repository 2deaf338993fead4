import { sendRequest } from '#http'
import { DictionaryError, ProxyError } from '../../errors.js'
import type { HttpAnswer } from '../../http/request.js'
import { reasonOf } from '../../internal/message-of.js'
import { readBody } from '../../internal/read-body.js'
import type { HttpAgent } from '../../options/agent.js'
import { unsigned } from '../frame/check-frame.js'

/**
 * Where a dictionary comes from: its bytes, a URL, several URLs that are tried in order, or, in
 * Node, a path.
 */
export type DictionarySource = Uint8Array | URL | string | readonly URL[]

export interface DictionaryOptions {
  /**
   * The SHA-256 that it must have, in hexadecimal. In Node such a dictionary is kept in the user's
   * cache folder.
   */
  readonly sha256?: string
  /** The id that it must have. */
  readonly id?: number
  /**
   * How long the answer of one URL may take, to its last byte, in milliseconds.
   * @default 5000
   */
  readonly timeoutMs?: number
  /**
   * Headers to send with the request, such as `authorization`. A name and a password in the URL are
   * sent too.
   */
  readonly headers?: Readonly<Record<string, string>>
  /** Opens the connection. Node only. */
  readonly agent?: HttpAgent | undefined
}

/**
 * The one dictionary of wire v1. The server has no endpoint for it; it is published with the
 * server's code.
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
// How much of an answer that is no dictionary is shown in the error.
const SHOWN_BYTES = 300

export const MAX_DICTIONARY_BYTES = 2 ** 20

// RFC 8878 section 5.
const MAGIC = 0xec30a437
const ID_AT = 4
// The magic, the id, and at least the shortest tables that can be.
const MIN_DICTIONARY_BYTES = 64

/**
 * Loads a dictionary and checks it. Rejects with `DictionaryError` if that fails, or with
 * `ProxyError` if a proxy does not pass us on.
 */
export async function loadDictionary(
  source: DictionarySource,
  options: DictionaryOptions = {},
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return checkedDictionary(source, options)
  return fetchDictionary(Array.isArray(source) ? source : [urlOf(String(source))], options)
}

/** Loads it from the first of `urls` that has it. Rejects with the last URL's error if none has. */
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
  // Absent on purpose: a browser has no digest on a page without TLS, where only the id can be
  // checked.
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
  { timeoutMs = TIMEOUT_MS, headers = {}, agent }: DictionaryOptions,
): Promise<Uint8Array> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new DictionaryError(`a dictionary comes by http or https, not ${url.protocol}`)
  try {
    // The signal covers the whole answer, so that a slow body ends as well.
    const answer = await sendRequest(withoutCredentials(url), {
      headers: { ...credentialsOf(url), ...headers },
      // A redirect would carry our headers to another host, and make us fetch any address that a
      // server names.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      agent,
    })
    if (answer.ok) return await dictionaryIn(answer)
    const { bytes } = await readBody(answer, SHOWN_BYTES)
    const says = new TextDecoder().decode(bytes)
    throw new DictionaryError(
      `there is no dictionary at ${pathOf(url)}: ${answer.status} ${says}`.trim(),
    )
  } catch (error) {
    // The socket would be refused by the proxy too, and that may end the stream.
    if (error instanceof DictionaryError || error instanceof ProxyError) throw error
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

// Without the parts that may hold a password or a token.
const pathOf = ({ origin, pathname }: URL): string => origin + pathname

/** The body, unless it is larger than any dictionary: then the rest is not read. */
async function dictionaryIn(answer: HttpAnswer): Promise<Uint8Array> {
  const { bytes, rest } = await readBody(answer, MAX_DICTIONARY_BYTES)
  if (rest)
    throw new DictionaryError(
      `a dictionary has at most ${MAX_DICTIONARY_BYTES} bytes, and the answer is larger`,
    )
  return bytes
}

/**
 * Returns the id of a zstd dictionary, which its frames name. Throws `DictionaryError` if the bytes
 * are no dictionary: a page of HTML, half a file.
 */
export function checkDictionary(bytes: Uint8Array): number {
  if (bytes.length > MAX_DICTIONARY_BYTES) {
    throw new DictionaryError(
      `a dictionary has at most ${MAX_DICTIONARY_BYTES} bytes, this one ${bytes.length}`,
    )
  }
  if (bytes.length < MIN_DICTIONARY_BYTES || unsigned(bytes, 0, 4) !== MAGIC) {
    throw new DictionaryError(
      `these ${bytes.length} bytes are no zstd dictionary: they do not begin with 37 a4 30 ec`,
    )
  }
  const id = idOf(bytes)
  if (id === 0) throw new DictionaryError('the dictionary has the id 0, which stands for none')
  return id
}

export const idOf = (dictionary: Uint8Array): number => unsigned(dictionary, ID_AT, 4)
