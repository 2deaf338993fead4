import { type ApplicationConfig, provideZonelessChangeDetection } from '@angular/core'
import { provideClientHydration } from '@angular/platform-browser'
import { provideAtproto } from 'rxjs-atproto/angular'

// Another server: `?host=ws://localhost:6008/subscribe`. A server that renders has no address.
const { search = '' } = globalThis.location ?? {}
const host = new URLSearchParams(search).get('host') ?? undefined

export const config: ApplicationConfig = {
  providers: [
    provideZonelessChangeDetection(),
    provideClientHydration(),
    provideAtproto({ host, cursor: { ago: 60_000 } }),
  ],
}
