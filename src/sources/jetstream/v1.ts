import { gatherV1, lazyV1, rawV1 } from '#lazy'
import { isLimited, matcher, wantedBy } from '../../atproto/filters.js'
import type { FrameError } from '../../errors.js'
import type { Layout } from '../../internal/bounded-json.js'
import { parseContent } from '../../internal/parse-content.js'
import type { JetstreamProtocol, WireReaders } from './decoding.js'
import { type JetstreamFilters, largest } from './filters.js'
import { identityOf, recognising } from './identity.js'
import { readEvent } from './read-event.js'
import { textOfFrame } from './text-of-frame.js'
import { MAX_QUERY_LENGTH, type WireOptions } from './wire-options.js'

// An identity or an account is a member of the event.
const LAYOUT: Layout = { wrapper: 'commit', replaced: 'record' }

/** Wire v1: `/subscribe`, one JSON event a text frame. */
export function v1(
  host: string,
  filters: JetstreamFilters,
  options: WireOptions,
): JetstreamProtocol {
  const { maxFrameBytes, decoding } = options
  const { decoder, status } = options.compression
  const { collections = [], dids = [] } = filters
  const query = new URLSearchParams([
    ...collections.map((nsid) => ['wantedCollections', nsid]),
    ...dids.map((did) => ['wantedDids', did]),
  ])
  const sendsHello = query.toString().length > (options.alwaysSaysHello ? 0 : MAX_QUERY_LENGTH)
  // Before a hello, and after an update, events that were queued under other filters still arrive.
  const wants = matcher(filters)
  // Each update is complete: the server clears all filters that it leaves out.
  const update = (size: number | undefined): string =>
    JSON.stringify({
      type: 'options_update',
      payload: { wantedCollections: collections, wantedDids: dids, maxMessageSizeBytes: size ?? 0 },
    })

  const readers: WireReaders = {
    lazy: lazyV1,
    raw: rawV1,
    gather: gatherV1,
    wanted: isLimited(filters) ? wantedBy(filters) : undefined,
    parse(frame, finish) {
      const text = textOfFrame(frame, decoder, maxFrameBytes)
      return finish(readEvent(parseContent('the frame', text, LAYOUT, positionInV1)), text)
    },
    inflate: decoder && ((frame) => decoder.inflate(frame, maxFrameBytes)),
  }

  return {
    host,
    wire: 'v1',
    takesTimes: true,
    oldest: 0,
    compression: status,
    leavesOutLargeFrames: true,
    // A decoder copies into memory of its own.
    keepsNoFrame: true,

    url({ cursor, leaveOutLargeFrames, unfiltered }) {
      const url = new URL(host)
      const size = largest(unfiltered ? {} : filters, leaveOutLargeFrames, maxFrameBytes)
      if (sendsHello && !unfiltered) url.searchParams.set('requireHello', 'true')
      if (!sendsHello && !unfiltered)
        for (const [name, value] of query) url.searchParams.append(name, value)
      if (cursor !== undefined) url.searchParams.set('cursor', String(cursor))
      if (size !== undefined) url.searchParams.set('maxMessageSizeBytes', String(size))
      if (decoder !== undefined) url.searchParams.set('compress', 'true')
      return url.href
    },

    hello: ({ leaveOutLargeFrames, unfiltered }) =>
      sendsHello && !unfiltered
        ? update(largest(filters, leaveOutLargeFrames, maxFrameBytes))
        : undefined,
    update: () => update(filters.maxMessageSizeBytes),
    readers,
    ...decoding.of(readers),
    wants,
    // A sequence number where the server has one: it is unique, and times are not.
    cursorOf: (event) => event.cursor ?? event.time_us,
    timeOf: (event) => event.time_us,
    identityOf,
    recognising,
  }
}

// The beginning of an event, before any part that could be broken.
const HEAD = /^\{"did":"[^"\\]*","time_us":(\d{16}),(?:"cursor":(\d{1,15}),)?/

function positionInV1(text: string): FrameError['place'] {
  const [, time, cursor] = HEAD.exec(text) ?? []
  return time === undefined
    ? undefined
    : { position: Number(cursor ?? time), time_us: Number(time) }
}
