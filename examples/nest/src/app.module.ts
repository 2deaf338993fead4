import { Module } from '@nestjs/common'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { AtprotoModule } from 'rxjs-atproto/nest'
import { AtprotoTerminusModule } from 'rxjs-atproto/nest/terminus'
import { Journal } from './journal.js'
import { Operations } from './operations.js'
import { Posts } from './posts.js'
import { Tracked } from './tracked.js'

const { JETSTREAM = 'localhost', TAP = 'localhost:2480', CURSOR = 'cursor.json' } = process.env

@Module({
  imports: [
    // Everything that happens on the network, as far as a decorator asks for it.
    AtprotoModule.forRootAsync({
      useFactory: () => ({
        source: { jetstream: { host: JETSTREAM, cursor: 'oldest' } },
        checkpoint: fileCursorStore(CURSOR),
        ingest: { concurrency: 16, drainMs: 8000 },
        onFatal: process.env.ON_FATAL === 'unhealthy' ? 'unhealthy' : 'shutdown',
      }),
    }),
    // The repositories that a Tap tracks for us.
    AtprotoModule.forFeature({ stream: 'tap', source: { tap: { host: TAP } } }),
    AtprotoTerminusModule,
  ],
  controllers: [Operations],
  providers: [Journal, Posts, Tracked],
})
export class AppModule {}
