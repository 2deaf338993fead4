import { IN_BROWSER } from '#socket'
import type { Wanted } from '../../atproto/filters.js'
import type { Control, Gathered, Gathering } from '../../live/protocol.js'
import type { Frame } from '../../socket/frame.js'
import type { Received } from '../../socket/socket.js'
import { copyOf } from '../../socket/text-bytes.js'
import { CommitOutline } from './commit-outline.js'
import { type Message, readMessage } from './message.js'
import { unwantedMessage } from './skim-message.js'

/**
 * Reads frames under a filter, which refuses most of them. What it refuses is gathered: of all such
 * messages of one read of the socket, only the last one is made, since the position that it leaves
 * is that of all of them. What is wanted, or cannot be read, is read alone.
 */
export class NarrowReader implements Gathering<Message> {
  // The frame that was read last, and that before it, if it is gathered.
  #outline = new CommitOutline()
  #gathered = new CommitOutline()
  // That which `#outline` is of.
  #frame: Frame | undefined
  #filtered = 0
  #position = -1
  // The last one gathered, where it is no commit of the usual shape.
  #other: Message | undefined

  /** `byDid`: whether `wanted` looks at the DID. */
  constructor(
    private readonly wanted: Wanted,
    private readonly byDid: boolean,
  ) {}

  add(frame: Received): boolean {
    if (!(frame instanceof Uint8Array)) return false
    return this.#isUsual(frame) ? this.#addCommit() : this.#addOther(frame)
  }

  take(): Gathered<Message> | undefined {
    if (this.#filtered === 0) return undefined
    const end = this.#other ?? this.#gathered.unwanted()
    const last = { position: end.seq, time_us: end.time_us }
    const gathered = { event: undefined, size: 0, filtered: this.#filtered, first: last, last, end }
    this.#filtered = 0
    this.#position = -1
    this.#other = undefined
    return gathered
  }

  decode(frame: Frame): Message | Control {
    if (typeof frame === 'string') return readMessage(frame)
    if (!this.#isUsual(frame))
      return unwantedMessage(frame, this.wanted) ?? readMessage(keepable(frame))
    return this.#outline.mayBeWanted(this.wanted, this.byDid)
      ? this.#outline.message(keepable(frame))
      : this.#outline.unwanted()
  }

  /** A frame that was not gathered is decoded next: it is not read again. */
  #isUsual(frame: Uint8Array): boolean {
    if (this.#frame === frame) return true
    const isUsual = this.#outline.read(frame)
    this.#frame = isUsual ? frame : undefined
    return isUsual
  }

  #addCommit(): boolean {
    const outline = this.#outline
    if (outline.mayBeWanted(this.wanted, this.byDid) || !this.#moves(outline.seq)) return false
    this.#outline = this.#gathered
    this.#gathered = outline
    this.#frame = undefined
    this.#other = undefined
    return true
  }

  #addOther(frame: Uint8Array): boolean {
    const message = unwantedMessage(frame, this.wanted)
    if (message === undefined || !this.#moves(message.seq)) return false
    this.#other = message
    return true
  }

  /** The last one stands for all only where the positions grow. */
  #moves(position: number): boolean {
    if (position <= this.#position) return false
    this.#position = position
    this.#filtered += 1
    return true
  }
}

/** A frame that an event may keep: a copy, except in a browser, where a frame shares no memory. */
const keepable = (frame: Uint8Array): Uint8Array =>
  IN_BROWSER ? frame : copyOf(frame, 0, frame.length)
