import { RecordError } from '../errors.js'

/** The `problem` of an event whose record was received and cannot be used. */
export const RECORD_UNREADABLE = 'record-unreadable'

/**
 * Removes the record of a commit, and sets its `problem`. Reading `record` throws
 * {@link RecordError}, since its type promises a record. It is not enumerable, so that code that
 * lists, copies or serializes the commit does not throw: one record cannot end a program that only
 * passes events on.
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
