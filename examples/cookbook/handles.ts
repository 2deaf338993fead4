/**
 * Follows some accounts by their handles. A handle can change its account; a DID does not, so that
 * the stream is asked for DIDs.
 */
import { fromEvent, takeUntil } from 'rxjs'
import { isCommit, jetstream$ } from 'rxjs-atproto'

const { JETSTREAM_HOST, RESOLVER = 'https://public.api.bsky.app' } = process.env
const { ATP_PLC_HOST = 'https://plc.directory' } = process.env
const handles = process.argv.slice(2)

async function didOf(handle: string): Promise<string> {
  const method = 'com.atproto.identity.resolveHandle'
  const response = await fetch(`${RESOLVER}/xrpc/${method}?handle=${encodeURIComponent(handle)}`)
  const { did, message } = (await response.json()) as { did?: string; message?: string }
  if (did === undefined) throw new Error(`${handle}: ${response.status} ${message ?? ''}`)
  if ((await handleOf(did)) !== handle.toLowerCase()) throw new Error(`${did} is not ${handle}`)
  return did
}

/** The handle that the account itself names: anybody can point a domain at any DID. */
async function handleOf(did: string): Promise<string | undefined> {
  const web = `https://${did.slice('did:web:'.length)}/.well-known/did.json`
  const url = did.startsWith('did:web:') ? web : `${ATP_PLC_HOST}/${did}`
  const { alsoKnownAs } = (await (await fetch(url)).json()) as { alsoKnownAs?: readonly string[] }
  const name = alsoKnownAs?.find((one) => one.startsWith('at://'))
  return name?.slice('at://'.length).toLowerCase()
}

const names = new Map<string, string>()
for (const handle of handles) names.set(await didOf(handle), handle)

jetstream$({ host: JETSTREAM_HOST, dids: [...names.keys()] })
  .pipe(takeUntil(fromEvent(process, 'SIGTERM')))
  .subscribe((event) => {
    const what = isCommit(event)
      ? `${event.commit.operation} ${event.commit.collection}/${event.commit.rkey}`
      : event.kind
    console.log(names.get(event.did), what)
  })
