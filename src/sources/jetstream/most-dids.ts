import type { Wire } from './wire.js'

/** What a server takes on one connection. */
export const MOST_DIDS = 10_000

/** In the URL of wire v2 that is with all others: 100 collections, four kinds and three more. */
export const MOST_DIDS_OF_V2 = MOST_DIDS - 107

export const mostDidsOf = (wire: Wire | 'auto'): number =>
  wire === 'v2' ? MOST_DIDS_OF_V2 : MOST_DIDS
