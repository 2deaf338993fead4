import type { Observable } from 'rxjs'
import { bySequence } from '../../connection/by-sequence.js'
import { filtersKey, wantedBy } from '../../connection/event-filters.js'
import type { LiveOptions } from '../../connection/live.js'
import { parts } from '../../connection/parts.js'
import { recordChecker, type Schemas } from '../../connection/records.js'
import { reject } from '../../connection/rejects.js'
import type { FirehoseEvent } from '../../events.js'
import type { Dial } from '../../socket/socket.js'
import type { FirehoseConfig } from './config.js'
import { eachEvent } from './events.js'
import { firehoseProtocol } from './protocol.js'

/** The events of one host. `dial`: how a socket is opened; specs hand in their own. */
export function eventsOf(host: string, config: FirehoseConfig, options: LiveOptions, dial?: Dial): Observable<FirehoseEvent> {
  const wanted = wantedBy(config)
  const { check } = recordChecker(config.records as Schemas | undefined)
  // A position means nothing on another host, or under another filter.
  const key = ['firehose', host, ...filtersKey(config)].join(' ')
  return bySequence(firehoseProtocol(host, config), key, config, options, dial).pipe(
    parts((message, emit) =>
      eachEvent(message, wanted, (event, index) => {
        const wrong = check(event)
        if (wrong === undefined) emit(event, index)
        else reject(options.rejects, host, message.frame, wrong)
      }),
    ),
  )
}
