import { whenNeeded } from '../../internal/part.js'

/** For a `cursor` or a `checkpoint`, else once a connection is open. */
export const resuming = whenNeeded(() => import('../resuming.js'))

/** For a `checkpoint`. */
export const checkpointing = whenNeeded(() => import('../open-checkpoint.js'))
