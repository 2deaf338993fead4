import type { Observable } from 'rxjs'
import { type JetstreamEvent, jetstream$, uriOf } from 'rxjs-atproto'
import { keepRecent, pauseWhenHidden, perFrame } from 'rxjs-atproto/browser'
import { exactly, type Records } from './expect-type.js'

const events$ = jetstream$<Records>()
type Lists = Observable<readonly JetstreamEvent<Records>[]>

// The type of the events survives, also with a key for any event.
const keyed$ = events$.pipe(pauseWhenHidden(), perFrame(), keepRecent({ key: uriOf, limit: 9 }))
exactly<typeof keyed$, Lists>(true)
const plain$ = events$.pipe(perFrame(), keepRecent())
exactly<typeof plain$, Lists>(true)

// @ts-expect-error values, not arrays of them
events$.pipe(keepRecent())
// @ts-expect-error an overflow that there is none of
perFrame({ overflow: 'wait' })
// @ts-expect-error a member that no event has
events$.pipe(perFrame(), keepRecent({ key: ({ nothing }) => nothing }))
