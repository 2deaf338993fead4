import type { JetstreamEvent } from '../../events.js'
import type { Fingerprint } from '../../internal/fingerprint.js'
import { hashNumber } from '../../internal/hash.js'
import type { Recognising } from '../../live/recently-received.js'

/** Returns the same text for two copies of one event, from any host and wire. */
export function identityOf(event: JetstreamEvent): string {
  if (event.kind !== 'commit') {
    const body = (event as unknown as Record<string, { seq?: number; time?: string } | undefined>)[
      event.kind
    ]
    return `${event.did} ${event.kind} ${body?.seq} ${body?.time}`
  }
  const { rev, collection, rkey, operation } = event.commit
  return `${event.did} ${rev} ${collection} ${rkey} ${operation}`
}

// The ends say more than the beginnings, which most events share.
const DID_END = 8
const COLLECTION_END = 8

/** As {@link identityOf}. */
export function fingerprintOf(event: JetstreamEvent, hash: Fingerprint): number {
  if (event.kind !== 'commit') return hashNumber(identityOf(event))
  const { did } = event
  const { rev, collection, rkey, operation } = event.commit
  return hash
    .begin()
    .add(rev)
    .add(rkey)
    .add(operation)
    .add(collection, collection.length - COLLECTION_END)
    .add(did, did.length - DID_END).value
}

/** How a copy is recognised on another host. */
export const recognising: Recognising<JetstreamEvent> = {
  fingerprintOf,
  repositoryOf: ({ did }) => did,
}
