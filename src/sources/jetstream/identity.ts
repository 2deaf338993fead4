import type { JetstreamEvent } from '../../events.js'

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
