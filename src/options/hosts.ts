import * as z from '#schema'
import { messageOf } from '../internal/message-of.js'
import { hostUrl } from './host-url.js'
import { saying } from './saying.js'

const mistakeIn =
  (read: (text: string) => unknown) =>
  (text: string): string | undefined => {
    try {
      read(text)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

/** A host as a user writes it. `read` throws an `Error` that says what is wrong with one. */
export const host = (message: string, read: (text: string) => unknown = hostUrl) =>
  z.string(message).check(saying(mistakeIn(read)))

/** One host, or several; `message` says what is wrong with anything else. */
export const hosts = (message: string, read?: (text: string) => unknown) =>
  z.union(
    [host(message, read), z.array(host(message, read)).check(z.minLength(1, message))],
    message,
  )
