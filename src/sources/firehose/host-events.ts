import { defer, type Observable } from 'rxjs'
import { filtersKey, type Wanted, wantedBy } from '../../atproto/filters.js'
import { recordChecker, type Schemas } from '../../atproto/records.js'
import { checkpointOptions } from '../../delivery/checkpoint-options.js'
import { positionKeys } from '../../delivery/position-keys.js'
import { reject } from '../../delivery/rejects.js'
import { splitDelivery } from '../../delivery/split-delivery.js'
import type { FirehoseEvent } from '../../events.js'
import { bySequence, type SequencePositions } from '../../live/by-sequence.js'
import type { LiveOptions } from '../../live/config.js'
import { namedFilter } from '../../live/named-filter.js'
import type { Dial } from '../../socket/socket.js'
import type { FirehoseConfig } from './config.js'
import { MessageEvents, wantsAny } from './events.js'
import type { Message } from './message.js'
import { firehoseProtocol } from './protocol.js'

/** The events of one host. `dial`: opens a socket; specs pass their own. */
export function eventsOf(
  host: string,
  config: FirehoseConfig,
  options: LiveOptions,
  dial?: Dial,
): Observable<FirehoseEvent> {
  const wanted = wantedBy(config)
  const { check } = recordChecker(config.records as Schemas | undefined)
  const accepts = (event: FirehoseEvent, { frame }: Message): boolean => {
    const error = check(event)
    if (error !== undefined) reject(options.rejects, host, frame, error)
    return error === undefined
  }
  const checkpoint = checkpointOptions(config.checkpoint)
  // Without a name, a position is valid only on its own host and under the same filter.
  const unnamed = ['firehose', host, ...filtersKey(config)].join(' ')
  const keys = positionKeys(checkpoint, unnamed, 'firehose', host)
  return defer(() => {
    const filter = namedFilter(checkpoint, keys, () => config)
    const positions: SequencePositions<Message> = {
      keys,
      filter,
      isNew: (message, delivered) => wantsAny(message, without(wanted, delivered)),
    }
    const newIn = ({ seq, time_us }: Message): Wanted =>
      filter?.history?.isActive
        ? without(wanted, filter.history.deliveredAt(host, seq, time_us))
        : wanted
    return bySequence(firehoseProtocol(host, config), positions, config, options, dial).pipe(
      splitDelivery((message) => new MessageEvents(message, newIn(message), accepts)),
    )
  })
}

/** Leaves out events that were delivered before. */
const without = (wanted: Wanted, delivered: Wanted | undefined): Wanted =>
  delivered === undefined
    ? wanted
    : (kind, did, collection) => wanted(kind, did, collection) && !delivered(kind, did, collection)
