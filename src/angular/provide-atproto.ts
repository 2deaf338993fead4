import { type EnvironmentProviders, InjectionToken, makeEnvironmentProviders } from '@angular/core'
import type { JetstreamConfig, RecordMap } from '../index.js'

/** A Jetstream for components: the metrics are read as signals. */
export interface StreamConfig<Records extends RecordMap = RecordMap>
  extends Omit<JetstreamConfig<Records>, 'metrics$'> {
  /**
   * What happens while the page is hidden: the stream is held back, and goes on at the cursor when
   * the page is shown, or it is read all the same.
   * @default 'pause'
   */
  readonly whenHidden?: 'pause' | 'read' | undefined
}

/** What {@link provideAtproto} was given. */
export const DEFAULTS = new InjectionToken<StreamConfig>(
  'rxjs-atproto: the config of all streams',
  {
    providedIn: 'root',
    factory: () => ({}),
  },
)

/**
 * Provides what all streams of an application have in common, such as the host. Each stream may
 * have more options, and others. Without it, streams have the defaults of `jetstream$`.
 *
 * @example
 * ```ts
 * import { provideAtproto } from 'rxjs-atproto/angular'
 *
 * const host = 'jetstream.us-east.bsky.network'
 * const appConfig = { providers: [provideAtproto({ host, cursor: { ago: 60_000 } })] }
 * ```
 */
export function provideAtproto(config: StreamConfig): EnvironmentProviders {
  return makeEnvironmentProviders([{ provide: DEFAULTS, useValue: config }])
}
