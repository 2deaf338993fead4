import { from, map, type Observable, type ObservableInput, of, tap } from 'rxjs'
import { collectionOf } from '../../atproto/event-fields.js'
import { recordChecker, type Schemas } from '../../atproto/records.js'
import type { PositionKeys } from '../../cursors/load-position.js'
import type { JetstreamEvent } from '../../events.js'
import type { LiveOptions } from '../../live/config.js'
import { CursorProgress } from '../../live/cursor-progress.js'
import { live } from '../../live/live.js'
import { namedFilter, withoutDelivered } from '../../live/named-filter.js'
import type { CursorProtocol } from '../../live/protocol.js'
import { LateArchive } from './archive/late-archive.js'
import { Compressions } from './compression.js'
import type { CheckedJetstreamConfig } from './config.js'
import type { Reading } from './connections.js'
import { eager, lazy, raw } from './decoding.js'
import { isNew, type JetstreamFilters, matchesNobody, mayBeQuiet } from './filters.js'
import { newestEvery } from './newest-every.js'
import { WireNegotiation } from './wire.js'

/** How the events of one connection are read: one at a time, dialled again when it is lost. */
export function overOneConnection(
  checked: CheckedJetstreamConfig,
  options: LiveOptions,
  keys: PositionKeys,
): (reading: Reading) => Observable<JetstreamEvent> {
  const { config: plain, hosts } = checked
  const wires = wiresOf(checked, options)
  return ({ start, checkpoint, metrics$, whole, ...reading }) => {
    let { filters } = reading
    let isDialled = false
    const filter = namedFilter(checkpoint, keys, whole)
    const positions = {
      start,
      onCursorRefused: plain.onCursorRefused,
      checkpoint,
      ...keys,
      filter,
      host: hosts[0],
      hasOtherHosts: hosts.length > 1,
    }
    const both = plain.archive && new LateArchive(checked, options)
    return live<JetstreamEvent>({
      options: { ...options, metrics$ },
      protocol: (host) => {
        isDialled = true
        if (matchesNobody(filters)) return of(undefined)
        return from(protocolOf(host, filters, wires, both)).pipe(
          map((made) => withoutDelivered(made, filter, isNew)),
        )
      },
      progress: (gaps, context) => {
        const progress = new CursorProgress<JetstreamEvent>(positions, gaps, context)
        both?.attach({ progress, gaps })
        return progress
      },
      // Who sets the option knows the filter.
      isQuiet: () => plain.silentTimeoutMs === undefined && mayBeQuiet(filters),
      ...(plain.blindTimeoutMs === Number.POSITIVE_INFINITY
        ? {}
        : { collections: { blindTimeoutMs: plain.blindTimeoutMs, of: collectionOf } }),
      changes$: reading.filters$.pipe(
        // Before the first dial a change costs nothing.
        newestEvery(() => (isDialled ? plain.filterChangesEveryMs : 0)),
        tap((changed) => {
          filters = changed
        }),
      ),
    })
  }
}

function protocolOf(
  host: string,
  filters: JetstreamFilters,
  wires: WireNegotiation,
  both: LateArchive | undefined,
): ObservableInput<CursorProtocol<JetstreamEvent>> {
  const protocol =
    both === undefined
      ? wires.protocol(host, filters)
      : both.protocol(filters, () => wires.protocol(host, filters))
  return protocol instanceof Promise ? protocol : of(protocol)
}

const DECODINGS = { eager, lazy, raw }

export function wiresOf(
  { config, wire }: CheckedJetstreamConfig,
  options: LiveOptions,
): WireNegotiation {
  const { maxFrameBytes, log } = options
  const compressions = new Compressions(config.compress, config.zstdDictionary, config.agent)
  const decoding = DECODINGS[config.decode](recordChecker(config.records as Schemas | undefined))
  return new WireNegotiation(wire, compressions, { maxFrameBytes, decoding }, log)
}
