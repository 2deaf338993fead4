import { covers, type FaultBase, type HttpRefusal, timesFired, unfired } from './fault-base.js'

/** What a {@link FakeJetstream} does to a connection after so many events. */
export type EventFaultAction =
  /** TCP RST. The client may lose what it has not read yet. */
  | { readonly do: 'reset' }
  /**
   * The TCP connection ends without a close frame. The client receives what was sent before, then
   * sees 1006.
   */
  | { readonly do: 'drop' }
  /**
   * A close frame.
   * @default code 1000, reason ''
   */
  | { readonly do: 'close'; readonly code?: number; readonly reason?: string }
  /**
   * TCP stays up, and the server sends nothing more: no events, pings, pongs, or reply to a close.
   */
  | { readonly do: 'silence' }
  /** No more events; pings and pongs go on. */
  | { readonly do: 'stall' }
  /**
   * One more frame between two events: text or binary (by its type, or `as`), or bytes on the wire
   * as they are (`as: 'raw'`).
   */
  | {
      readonly do: 'garbage'
      readonly frame: string | Uint8Array
      readonly as?: 'text' | 'binary' | 'raw'
    }
  /** A ping out of turn. */
  | { readonly do: 'ping' }
  /** The next `events` of the log are left out: a hole that nothing announces. */
  | { readonly do: 'skip'; readonly events: number }
  /** The last `events` of the log are sent once more. */
  | { readonly do: 'repeat'; readonly events: number }
  /**
   * An error frame before the server ends the TCP connection (wire v2); wire v1 has no such frame.
   * @default message ''
   */
  | { readonly do: 'error'; readonly error: string; readonly message?: string }

/** What a {@link FakeJetstream} does instead of accepting a client. */
export type ConnectFaultAction =
  /**
   * An HTTP answer.
   * @default status 503, body '', no headers
   */
  | HttpRefusal
  /**
   * The handshake succeeds; then the TCP connection ends, or a close frame is sent if there is a
   * `code`.
   */
  | { readonly do: 'accept-and-drop'; readonly code?: number; readonly reason?: string }
  /** The TCP connection is accepted, and the handshake is never answered. */
  | { readonly do: 'hang' }

/**
 * `stand-still`: whatever the client asks for, the server sends the first `events` of the log, and
 * ends the connection. `onConnect`: as in other faults.
 */
export type StandStillFault = FaultBase & {
  readonly onConnect: number
  readonly do: 'stand-still'
  readonly events: number
}

/** What a {@link FakeJetstream} does instead of handing out its zstd dictionary. */
export type DictionaryFaultAction =
  /**
   * Another HTTP answer.
   * @default status 503, body '', no headers
   */
  | HttpRefusal
  /** No answer. */
  | { readonly do: 'hang' }
  /** A body of 1 GB, as fast as the client reads it. */
  | { readonly do: 'flood' }

/**
 * `after`: once so many events were sent, over all connections, and the last of them has left for
 * the network. 0: before the first.
 */
export type EventFault = FaultBase & { readonly after: number } & EventFaultAction

/** The faults of any connection; the others need a log. */
export type ConnectionFault = Exclude<EventFault, { do: 'skip' | 'repeat' | 'error' }>

/** `onConnect`: at the n-th attempt to connect, counted from 1 and refused ones included. */
export type ConnectFault = FaultBase & { readonly onConnect: number } & ConnectFaultAction

/** `onDictionary`: at the n-th request for the dictionary, counted from 1. */
export type DictionaryFault = FaultBase & { readonly onDictionary: number } & DictionaryFaultAction

/** One entry of `faults`. */
export type JetstreamFault = EventFault | ConnectFault | DictionaryFault | StandStillFault

/** A fault that happened. */
export interface FiredFault {
  readonly fault: JetstreamFault
  /** The attempt (or the request for the dictionary) that it applied to, counted from 1. */
  readonly attempt: number
  /** How many events had been sent when it fired, over all connections. */
  readonly sent: number
}

/** Which faults are due, and which have fired. */
export class FaultPlan {
  readonly fired: FiredFault[] = []
  readonly #faults: readonly JetstreamFault[]

  constructor(faults: readonly JetstreamFault[]) {
    this.#faults = faults
  }

  /** How many events may be sent before the next fault is due. */
  room(sent: number): number {
    return Math.min(
      ...this.#faults.map((fault) =>
        isEventFault(fault) ? this.#nextAt(fault) - sent : Number.POSITIVE_INFINITY,
      ),
    )
  }

  /** The next fault due after so many events. Counts it as fired. */
  afterEvents(sent: number, attempt: number): EventFault | undefined {
    const due = this.#faults.filter(isEventFault).find((fault) => this.#nextAt(fault) <= sent)
    if (due) this.fired.push({ fault: due, attempt, sent })
    return due
  }

  /** The fault for this attempt. Counts it as fired. */
  onConnect(attempt: number, sent: number): ConnectFault | undefined {
    const due = this.#faults
      .filter(isConnectFault)
      .find((fault) => covers(fault.onConnect, fault, attempt))
    if (due) this.fired.push({ fault: due, attempt, sent })
    return due
  }

  /** How many events a stand-still grants this attempt. Counts it as fired. */
  standStill(attempt: number, sent: number): number | undefined {
    const due = this.#faults
      .filter(isStandStill)
      .find((fault) => covers(fault.onConnect, fault, attempt))
    if (due) this.fired.push({ fault: due, attempt, sent })
    return due?.events
  }

  /** The fault for this request for the dictionary. Counts it as fired. */
  onDictionary(request: number, sent: number): DictionaryFault | undefined {
    const due = this.#faults
      .filter(isDictionaryFault)
      .find((fault) => covers(fault.onDictionary, fault, request))
    if (due) this.fired.push({ fault: due, attempt: request, sent })
    return due
  }

  /** One line for each fault that fired less often than it had to. */
  get missing(): readonly string[] {
    return unfired(this.#faults, this.fired)
  }

  #nextAt(fault: EventFault): number {
    const count = timesFired(fault, this.fired)
    return count >= (fault.times ?? 1) ? Number.POSITIVE_INFINITY : fault.after * (count + 1)
  }
}

const isEventFault = (fault: JetstreamFault): fault is EventFault => 'after' in fault
const isStandStill = (fault: JetstreamFault): fault is StandStillFault => fault.do === 'stand-still'
const isConnectFault = (fault: JetstreamFault): fault is ConnectFault =>
  'onConnect' in fault && !isStandStill(fault)
const isDictionaryFault = (fault: JetstreamFault): fault is DictionaryFault =>
  'onDictionary' in fault
