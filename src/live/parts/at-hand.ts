import { atHand } from '../../internal/part.js'
import { openCheckpoint } from '../open-checkpoint.js'
import { Resuming } from '../resuming.js'

/** To go on from a position. */
export const resuming = atHand({ Resuming })

/** To save positions. */
export const checkpointing = atHand({ openCheckpoint })
