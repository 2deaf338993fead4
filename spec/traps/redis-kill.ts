import type { FirehoseEvent } from '../../src/index.js'
import { decodeMessage } from '../../src/testing/index.js'

/** What the programs of redis-kill.spec.ts agree on. */
export const STREAM = 'events'
export const PARTITIONS = 4
export const GROUP = 'workers'
/** The list of what workers did, in the order in which Redis was told. */
export const WORKED = 'worked'

/** An event, as both ends name it: `did` and `what`, which is unlike that of every other event. */
export interface Named {
  readonly did: string
  readonly what: string
}

export function nameOf(event: FirehoseEvent): Named {
  const { did, cursor, kind } = event
  return {
    did,
    what:
      kind === 'commit'
        ? `${cursor} ${event.commit.operation} ${pathOf(event.commit)}`
        : `${cursor} ${kind}`,
  }
}

const pathOf = ({
  collection,
  rkey,
}: {
  readonly collection: string
  readonly rkey: string
}): string => `${collection}/${rkey}`

/** The events that a frame stands for. */
export function namesIn(frame: Uint8Array): readonly Named[] {
  const { t, body } = decodeMessage(frame)
  if (t !== '#commit') return [{ did: body.did, what: `${body.seq} ${t.slice(1)}` }]
  return body.ops.map(({ action, path }) => ({
    did: body.repo,
    what: `${body.seq} ${action} ${path}`,
  }))
}
