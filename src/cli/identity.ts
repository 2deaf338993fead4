import { VERSION } from '../index.js'

export const WAIT_MS = 5000

/** The directory of `did:plc`, where none is named. */
export const PLC_DIRECTORY = 'https://plc.directory'

// The server is whoever has the domain: it may send without an end.
const MOST_BYTES = 256 * 1024

/** The text of a page, at most `mostBytes`. Rejects for any answer but 200. */
export async function pageOf(url: string, accept: string, mostBytes = MOST_BYTES): Promise<string> {
  const response = await fetch(url, {
    headers: { accept, 'user-agent': `rxjs-atproto/${VERSION}` },
    signal: AbortSignal.timeout(WAIT_MS),
  })
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size > mostBytes) throw new Error(`a text of more than ${mostBytes} bytes`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Where the document of a DID is. Throws for a DID of another method than `plc` and `web`. */
export function documentUrl(did: string, directory: string): string {
  const [, method, id = ''] = did.split(':')
  if (method === 'plc') return `${directory.replace(/\/+$/, '')}/${did}`
  // https://atproto.com/specs/did: a did:web is a host name alone.
  if (method === 'web' && did.split(':').length === 3 && !id.includes('%'))
    return `https://${id}/.well-known/did.json`
  throw new Error(`${did} is neither a did:plc nor a did:web of a host name`)
}

// https://atproto.com/specs/handle
const HANDLE = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i
const LONGEST_HANDLE = 253

export const isHandle = (text: string): boolean =>
  text.length <= LONGEST_HANDLE && HANDLE.test(text)

/** The handle that a document claims: the first valid one counts. */
export function handleIn(document: string, did: string): string | undefined {
  const { id, alsoKnownAs } = JSON.parse(document) as {
    readonly id?: unknown
    readonly alsoKnownAs?: unknown
  }
  if (id !== did) throw new Error('it is the document of another DID')
  const names: readonly unknown[] = Array.isArray(alsoKnownAs) ? alsoKnownAs : []
  return names
    .flatMap((one) => (typeof one === 'string' && one.startsWith(AT) ? [one.slice(AT.length)] : []))
    .find(isHandle)
    ?.toLowerCase()
}

const AT = 'at://'
