import { defer, type Observable, of } from 'rxjs'
import { CursorProgress } from '../../connection/cursor-progress.js'
import { filtersKey, wantedBy } from '../../connection/event-filters.js'
import { type LiveOptions, live } from '../../connection/live.js'
import { checkpointOptions } from '../../connection/live-config.js'
import { parts } from '../../connection/parts.js'
import { recordChecker, type Schemas } from '../../connection/records.js'
import { reject } from '../../connection/rejects.js'
import type { FirehoseEvent } from '../../events.js'
import type { Dial } from '../../socket/socket.js'
import type { FirehoseConfig } from './config.js'
import { eachEvent } from './events.js'
import type { Message } from './message.js'
import { firehoseProtocol } from './protocol.js'

/** The events of one host. `dial`: how a socket is opened; specs hand in their own. */
export function eventsOf(host: string, config: FirehoseConfig, options: LiveOptions, dial?: Dial): Observable<FirehoseEvent> {
  const wanted = wantedBy(config)
  const { check } = recordChecker(config.records as Schemas | undefined)
  return messagesOf(host, config, options, dial).pipe(
    parts((message, emit) =>
      eachEvent(message, wanted, (event, index) => {
        const wrong = check(event)
        if (wrong === undefined) emit(event, index)
        else reject(options.rejects, host, message.frame, wrong)
      }),
    ),
  )
}

/** One message for each frame: the deliveries of the source. */
function messagesOf(host: string, config: FirehoseConfig, options: LiveOptions, dial: Dial | undefined): Observable<Message> {
  const { cursor = 'live', onCursorRefused = 'oldest' } = config
  const positions = {
    start: cursor === 'live' ? undefined : cursor,
    onCursorRefused,
    checkpoint: checkpointOptions(config.checkpoint),
    // A position means nothing on another host, or under another filter.
    key: ['firehose', host, ...filtersKey(config)].join(' '),
  }
  return defer(() =>
    live<Message>({
      options,
      protocol: () => of(firehoseProtocol(host, config)),
      progress: (gaps, context) => new CursorProgress(positions, gaps, context),
      ...(dial === undefined ? {} : { dial }),
    }),
  )
}
