/** Where the same events are to be had. */
export interface Servers {
  /** Wire v1, of a legacy server. */
  readonly v1: string
  /** The host of a server of the second version, which compresses. */
  readonly v2: string
}

/** What a contender says of each event that it received. */
export interface Tally {
  delivered(): void
  /** As many of them. */
  several(count: number): void
  /** Received, and kept from the program. */
  withheld(): void
}

/** Reads everything that the server holds. */
export type Contender = (servers: Servers, tally: Tally) => void
