import { type Observable, ReplaySubject, using } from 'rxjs'
import { connections } from '#jetstream'
import { withPart } from '../../delivery/with-part.js'
import type { JetstreamEvent } from '../../events.js'
import type { Log } from '../../internal/log.js'
import type { ConnectionsOptions } from './connections.js'
import type { JetstreamFilters } from './filters.js'

/** As `overConnections`. While a page loads that, the newest filters are kept. */
export const overSeveral = (options: ConnectionsOptions, log: Log): Observable<JetstreamEvent> =>
  connections.loaded?.overConnections(options) ?? afterLoading(options, log)

function afterLoading(options: ConnectionsOptions, log: Log): Observable<JetstreamEvent> {
  const filters$ = new ReplaySubject<JetstreamFilters>(1)
  return using(
    () => options.filters$.subscribe(filters$),
    () =>
      withPart(connections, log, ({ overConnections }) =>
        overConnections({ ...options, filters$ }),
      ),
  )
}
