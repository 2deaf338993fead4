import * as z from '#schema'
import { oneOf } from '../../../options/pieces.js'
import { saying } from '../../../options/saying.js'

// RFC 6750 section 2.1. `fetch` prints a header that it does not take: it must not see one.
const KEY = /^[\x21-\x7e]+$/
export const apiKey = z
  .string('must be a string')
  .check(saying((key) => (KEY.test(key) ? undefined : 'must be visible ASCII, without spaces')))

export const verify = oneOf('footer')
