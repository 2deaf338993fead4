/** The compressed bytes that are fetched ahead, those on their way included. */
const WINDOW_BYTES = 16 * 2 ** 20

/** Bytes that were asked for before they are needed. */
export interface Piece<Bytes> {
  readonly bytes: Promise<Bytes>
  /** Gives its part of the window back. */
  release(): void
}

/** What is on its way, over all segments of a stream. */
export class Window {
  isPaused = false
  #used = 0
  /** Called when there may be room. */
  onRoom: () => void = () => {}

  hasRoom(bytes: number): boolean {
    return !this.isPaused && this.#used + bytes <= WINDOW_BYTES
  }

  /** `estimate`: what is held until the bytes have come. */
  hold<Bytes>(
    fetched: Promise<Bytes>,
    estimate: number,
    lengthOf: (bytes: Bytes) => number,
  ): Piece<Bytes> {
    let held = estimate
    this.#used += held
    const change = (bytes: number) => {
      this.#used += bytes - held
      held = bytes
      this.onRoom()
    }
    // The reader of the piece sees the error.
    fetched.then((bytes) => held > 0 && change(lengthOf(bytes))).catch(() => {})
    return { bytes: fetched, release: () => held > 0 && change(0) }
  }
}
