/** A position in a source. */
export interface Position {
  /** The host that gave the position: it means nothing to another. */
  readonly host: string
  /** The source's own number, as protocol's `cursorOf` reads it. */
  readonly position: number
  /** The event's own time in unix microseconds; 0 where it has none. */
  readonly time_us: number
}

/**
 * Where one event stands among those that share its position: the same on every host's every
 * replay, whatever the program filters.
 */
export interface EventPosition extends Position {
  /** From 0, counted by the source. */
  readonly index: number
}
