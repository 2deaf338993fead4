import type { Damaged } from './damaged.js'
import { type Footer, fetchFooter } from './footer.js'
import type { PlannedSegment } from './plan.js'
import type { Requests } from './requests.js'
import type { Window } from './window.js'

// Held of the window until a footer has come. What is kept of it then is small.
const ESTIMATE_BYTES = 2 ** 20

/** The footers of segments that are read, fetched ahead with their blocks. */
export class Footers {
  readonly #fetched = new Map<PlannedSegment, Promise<Footer | Damaged>>()

  constructor(
    private readonly requests: Requests,
    private readonly window: Window,
  ) {}

  /** The footer of a segment. It is fetched once. */
  of(segment: PlannedSegment): Promise<Footer | Damaged> {
    return this.#fetched.get(segment) ?? this.again(segment)
  }

  /** Fetches a footer again: the segment may have been rewritten. */
  again(segment: PlannedSegment): Promise<Footer | Damaged> {
    const footer = fetchFooter(this.requests, segment.name)
    this.#fetched.set(segment, footer)
    const { bytes, release } = this.window.hold(footer, ESTIMATE_BYTES, () => 0)
    bytes.then(release, release)
    return footer
  }

  /** All blocks of a segment were read. */
  drop(segment: PlannedSegment): void {
    this.#fetched.delete(segment)
  }
}
