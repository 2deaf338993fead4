/** A position in a source. */
export interface Position {
  /** The host that gave the position; other hosts do not know it. */
  readonly host: string
  /** The source's own number, as protocol's `cursorOf` reads it. */
  readonly position: number
  /** The event's own time in unix microseconds; 0 where it has none. */
  readonly time_us: number
  /**
   * How many events at this position are done. A stream that starts here leaves them out.
   * @default 0
   */
  readonly done?: number
}

/**
 * The event's index among those at the same position. Stable across hosts, replays and filters.
 */
export interface EventPosition extends Position {
  /** From 0, counted by the source. */
  readonly index: number
}
