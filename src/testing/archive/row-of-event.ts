import { encode } from '@atcute/cbor'
import { cidOfRecord } from '../../atproto/cid.js'
import type { JetstreamEvent } from '../../events.js'
import type { ArchiveRow } from './segment-file.js'

const KINDS = { create: 1, update: 2, delete: 3, identity: 4, account: 5, sync: 6 } as const
const RESYNC = 7
const NOTHING = new Uint8Array()

/** Makes rows of events, and the events that the socket sends for them: with the true CIDs. */
export class RowWriter {
  /** The revision of each repository's last `#sync`: commits of the same revision follow it. */
  readonly #synced = new Map<string, string>()

  write(
    event: JetstreamEvent,
    seq: number,
  ): { readonly row: ArchiveRow; readonly event: JetstreamEvent } {
    const { did, time_us } = event
    const base = { seq, witnessedUs: time_us, indexedUs: 0, did }
    const sent = { ...event, cursor: seq } as JetstreamEvent
    if (sent.kind !== 'commit') {
      if (sent.kind === 'sync') this.#synced.set(did, sent.sync.rev)
      const rev = sent.kind === 'sync' ? sent.sync.rev : ''
      const body = (sent as unknown as Record<string, unknown>)[sent.kind]
      const row = {
        ...base,
        kind: KINDS[sent.kind],
        collection: '',
        rkey: '',
        rev,
        payload: encode(body),
      }
      return { row, event: sent }
    }
    const { operation, collection, rkey, rev } = sent.commit
    const payload = operation === 'delete' ? NOTHING : encode(sent.commit.record)
    const isResync = operation === 'create' && this.#synced.get(did) === rev
    const row = {
      ...base,
      kind: isResync ? RESYNC : KINDS[operation],
      collection,
      rkey,
      rev,
      payload,
    }
    const commit =
      operation === 'delete' ? sent.commit : { ...sent.commit, cid: cidOfRecord(payload) }
    return { row, event: { ...sent, commit } as JetstreamEvent }
  }
}
