import type { FirehoseEvent, JetstreamEvent, LabelEvent, TapEvent } from 'rxjs-atproto'
import type { FakeLabel } from 'rxjs-atproto/testing'

/** The name of one operation, on whatever wire. */
export const operationId = (did: string, rev: string, collection: string, rkey: string): string =>
  `${did} ${rev} ${collection}/${rkey}`

/** The name of an event of a Jetstream, a firehose or a Redis stream. */
export function eventId(event: JetstreamEvent | FirehoseEvent): string {
  switch (event.kind) {
    case 'commit':
      return operationId(event.did, event.commit.rev, event.commit.collection, event.commit.rkey)
    case 'identity':
      return otherId(event.kind, event.did, event.identity.time)
    case 'account':
      return otherId(event.kind, event.did, event.account.time)
    case 'sync':
      return otherId(event.kind, event.did, event.sync.time)
  }
}

export const otherId = (kind: string, did: string, time: string): string => `${kind} ${did} ${time}`

export const tapId = (event: TapEvent): string =>
  event.type === 'record'
    ? operationId(event.did, event.rev, event.collection, event.rkey)
    : `${event.did} ${event.handle}`

/** What a label is about, as `fakeLabels` replaces one by another. */
export const subjectId = ({ src, uri, cid, val }: LabelEvent | FakeLabel): string =>
  `${src} ${uri} ${cid ?? ''} ${val}`

export const labelId = (label: LabelEvent | FakeLabel): string =>
  `${subjectId(label)} ${label.neg === true ? 'ends' : 'begins'} ${label.cts}`
