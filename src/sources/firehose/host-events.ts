import type { Observable } from 'rxjs'
import { filtersKey, wantedBy } from '../../atproto/filters.js'
import { recordChecker, type Schemas } from '../../atproto/records.js'
import { reject } from '../../delivery/rejects.js'
import { splitDelivery } from '../../delivery/split-delivery.js'
import type { FirehoseEvent } from '../../events.js'
import { bySequence } from '../../live/by-sequence.js'
import type { LiveOptions } from '../../live/config.js'
import type { Dial } from '../../socket/socket.js'
import type { FirehoseConfig } from './config.js'
import { MessageEvents } from './events.js'
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
  // A position is valid only on its own host and under the same filter.
  const key = ['firehose', host, ...filtersKey(config)].join(' ')
  return bySequence(firehoseProtocol(host, config), key, config, options, dial).pipe(
    splitDelivery((message) => new MessageEvents(message, wanted, accepts)),
  )
}
