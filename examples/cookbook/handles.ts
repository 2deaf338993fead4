/**
 * Follows some accounts by their handles. A handle can change its account; a DID does not, so that
 * the stream is asked for DIDs.
 */
import { fromEvent, takeUntil } from 'rxjs'
import { isCommit, jetstream$ } from 'rxjs-atproto'

const { JETSTREAM_HOST, RESOLVER = 'https://public.api.bsky.app' } = process.env
const handles = process.argv.slice(2)

async function didOf(handle: string): Promise<string> {
  const method = 'com.atproto.identity.resolveHandle'
  const response = await fetch(`${RESOLVER}/xrpc/${method}?handle=${encodeURIComponent(handle)}`)
  const { did, message } = (await response.json()) as { did?: string; message?: string }
  if (did === undefined) throw new Error(`${handle}: ${response.status} ${message ?? ''}`)
  return did
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
