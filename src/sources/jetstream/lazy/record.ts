import { RecordError } from '../../../errors.js'
import type { JetstreamEvent } from '../../../events.js'
import { PrivateFieldHost } from '../../../internal/private-field-host.js'
import { shared } from '../../../internal/shared.js'
import { utf8Of } from '../../../socket/text-bytes.js'

/** The record of a commit as text, until it is first touched. */
class LazyRecord extends PrivateFieldHost {
  #text: string | undefined
  #isAscii: boolean
  #from: number
  #to: number
  #value: unknown

  constructor(commit: object, text: string, isAscii: boolean, from: number, to: number) {
    super(commit)
    this.#text = text
    this.#isAscii = isAscii
    this.#from = from
    this.#to = to
  }

  static read(object: object): unknown {
    const commit = LazyRecord.#commitOf(object)
    if (commit.#text !== undefined) {
      commit.#value = parseRecord(
        decoded(commit.#text.slice(commit.#from, commit.#to), commit.#isAscii),
      )
      commit.#text = undefined
    }
    return commit.#value
  }

  static write(object: object, value: unknown): void {
    const commit = LazyRecord.#commitOf(object)
    if (Object.isFrozen(commit))
      throw new TypeError("Cannot assign to read only property 'record' of object '#<Object>'")
    if (commit === object) {
      commit.#text = undefined
      commit.#value = value
      // Of what only inherits it, a plain property: as an assignment does it.
    } else
      Object.defineProperty(object, 'record', {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      })
  }

  static #commitOf(object: object): LazyRecord {
    for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner))
      if (#text in owner) return owner
    throw new RecordError(
      'the record of a lazy event cannot be read through a proxy; wrap a copy, ' +
        '`{ ...commit }`, or set `decode` to eager',
    )
  }
}

function parseRecord(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new RecordError(`the record is no JSON: ${(cause as Error).message}`, { cause })
  }
}

// One for all: an accessor of its own for each commit costs five times as much.
const RECORD: PropertyDescriptor & ThisType<object> = {
  get() {
    return LazyRecord.read(this)
  },
  set(value: unknown) {
    LazyRecord.write(this, value)
  },
  enumerable: true,
  configurable: true,
}

/**
 * Gives a commit its `record`: the text from `from` to `to`, parsed when it is first touched. Each
 * character of `text` is a byte.
 */
export function defineRecord(
  commit: object,
  text: string,
  isAscii: boolean,
  from: number,
  to: number,
): void {
  Object.defineProperty(commit, 'record', RECORD)
  new LazyRecord(commit, text, isAscii, from, to)
}

/**
 * The text whose UTF-8 has these characters as its bytes: what is not ASCII is decoded when
 * somebody wants it.
 */
const decoded = (text: string, isDecoded: boolean): string => (isDecoded ? text : utf8Of(text))

class Received extends PrivateFieldHost {
  readonly #text: string
  readonly #isDecoded: boolean

  constructor(event: object, text: string, isDecoded: boolean) {
    super(event)
    this.#text = text
    this.#isDecoded = isDecoded
  }

  static textOf(event: object): string | undefined {
    return #text in event ? decoded(event.#text, event.#isDecoded) : undefined
  }
}

// One class for all copies of this library: only the class that made a private member can read it.
const SharedReceived = shared('raw-text.1', () => Received)

/**
 * Remembers the text that an event was read from, for {@link rawText}. Each of its characters is a
 * byte of UTF-8, or it is decoded.
 */
export function keepText<Event extends object>(
  event: Event,
  text: string,
  isDecoded = true,
): Event {
  new SharedReceived(event, text, isDecoded)
  return event
}

/**
 * The JSON that an event was read from, as it was received: for a sink that passes it on without
 * parsing it. On wire v2 that is the whole message, with its `$type` and `payload`. Whatever a
 * program has written into the event since is not in it.
 *
 * `undefined` for what did not come from `jetstream$` with `decode: 'lazy'` just so: copies, events
 * whose record a schema of `records` has checked, and all events under `decode: 'eager'`.
 *
 * @example
 * ```ts
 * jetstream$({ decode: 'lazy' }).subscribe((event) =>
 *   console.log(rawText(event) ?? JSON.stringify(event)),
 * )
 * ```
 */
export const rawText = (event: JetstreamEvent): string | undefined => SharedReceived.textOf(event)
