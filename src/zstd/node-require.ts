import { createRequire } from 'node:module'

/** `require` as seen from `place`. webpack follows `createRequire` itself, and warns of its use. */
export const requireFrom = (place: string): NodeJS.Require => createRequire(place)
