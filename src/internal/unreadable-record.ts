import { RecordError } from '../errors.js'

/** The `problem` of an event whose record was received but cannot be used. */
export const RECORD_UNREADABLE = 'record-unreadable'

/**
 * Removes the record of a commit, and sets its `problem`. Reading `record` then throws
 * {@link RecordError}, because its type promises a record. `record` is not enumerable, so listing,
 * copying or serializing the commit does not throw: one bad record cannot end a program that only
 * forwards events.
 */
export function makeUnreadable(commit: object, why: string): void {
  const descriptor: PropertyDescriptor & ThisType<object> = {
    enumerable: false,
    configurable: true,
    get() {
      throw new RecordError(`the record is ${why}`)
    },
    set(value: unknown) {
      const plain = { value, writable: true, enumerable: true, configurable: true }
      Object.defineProperty(this, 'record', plain)
    },
  }
  Object.assign(Object.defineProperty(commit, 'record', descriptor), { problem: RECORD_UNREADABLE })
}
