import { RecordError } from '../../../errors.js'
import { defineLazyRecord } from '../../../internal/lazy-record.js'
import { messageOf } from '../../../internal/message-of.js'
import { utf8Of } from '../../../socket/text-bytes.js'

/**
 * Gives `commit` the record in `text` from `from` to `to`, parsed when it is first read. Each
 * character of `text` is a byte of UTF-8.
 */
export const defineRecord = (
  commit: object,
  text: string,
  isAscii: boolean,
  from: number,
  to: number,
): void => defineLazyRecord(commit, text, from, to, isAscii ? parseAscii : parseUtf8)

const parseAscii = (text: string, from: number, to: number): unknown =>
  parseRecord(text.slice(from, to))

const parseUtf8 = (text: string, from: number, to: number): unknown =>
  parseRecord(utf8Of(text.slice(from, to)))

function parseRecord(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RecordError(`the record is no JSON: ${messageOf(cause)}`, { cause })
  }
}
