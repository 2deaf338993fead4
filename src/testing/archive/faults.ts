import { covers, type FaultBase, type HttpRefusal, unfired } from '../server/fault-base.js'

interface RequestFault extends FaultBase {
  /** The method that it applies to. */
  readonly method: 'planSnapshot' | 'listSegments' | 'getSegment' | 'getBlock'
  /** Which request of that method, counted from 1 and faults included. */
  readonly onRequest: number
}

/** What a {@link FakeArchive} does instead of answering. */
export type ArchiveFaultAction =
  /**
   * Another HTTP answer: 429 with a `retry-after`, 503, 404.
   * @default status 503, body '', no headers
   */
  | HttpRefusal
  /** No answer, for as long as the client waits. */
  | { readonly do: 'hang' }
  /** So many bytes of the body; then the connection ends, as where a quota is spent. */
  | { readonly do: 'cut'; readonly afterBytes: number }
  /** So many bytes of the body in chunks, and a clean end: only a range says that more follow. */
  | { readonly do: 'end'; readonly afterBytes: number }
  /** So many bytes of the body; then nothing more, and the connection stays. */
  | { readonly do: 'stall'; readonly afterBytes: number }
  /** One bit of the body is another one, at this byte. */
  | { readonly do: 'flip'; readonly at: number }
  /** The body, under another ETag. */
  | { readonly do: 'etag'; readonly etag: string }
  /** Something happens on the server first, such as a compaction. Then it answers as ever. */
  | { readonly do: 'call'; readonly run: () => void }

/** One entry of `faults`. */
export type ArchiveFault = RequestFault & ArchiveFaultAction

/** A fault that happened. */
export interface FiredArchiveFault {
  readonly fault: ArchiveFault
  /** Which request of its method, counted from 1. */
  readonly request: number
}

/** Which faults are due, and which have fired. */
export class ArchiveFaultPlan {
  readonly fired: FiredArchiveFault[] = []
  readonly #counts = new Map<string, number>()

  constructor(private readonly faults: readonly ArchiveFault[]) {}

  /** The fault for the next request of this method. Counts it as fired. */
  next(method: string): ArchiveFault | undefined {
    const request = (this.#counts.get(method) ?? 0) + 1
    this.#counts.set(method, request)
    const due = this.faults.find(
      (fault) => fault.method === method && covers(fault.onRequest, fault, request),
    )
    if (due !== undefined) this.fired.push({ fault: due, request })
    return due
  }

  /** See {@link unfired}. */
  get missing(): readonly string[] {
    return unfired(this.faults, this.fired)
  }
}
