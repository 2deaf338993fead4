import { RecordError } from '../errors.js'

/** What an event says of a record that was received and cannot be had. */
export const RECORD_UNREADABLE = 'record-unreadable'

/**
 * Takes the record from a commit and says so in its `problem`. Reading `record` throws
 * {@link RecordError}, since its type promises one; whatever lists, copies or writes the commit
 * does not meet it, so that one record cannot end a program that only passes events on.
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
