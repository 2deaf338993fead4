// From here on a position is unix microseconds; below it is a sequence number.
const FIRST_TIME = 1e15
// Dates end here.
const LAST_TIME = 8.64e18

/** A position for a person: a time as an ISO date, a sequence number as it is. */
export const positionText = (position: number): string =>
  position >= FIRST_TIME && position <= LAST_TIME
    ? new Date(position / 1000).toISOString()
    : String(position)
