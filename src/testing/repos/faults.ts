import { covers, type FaultBase, type HttpRefusal, unfired } from '../server/fault-base.js'

interface RequestFault extends FaultBase {
  /** The request that it applies to, counted from 1 and faults included. */
  readonly onRequest: number
}

/** What a {@link FakeRepos} does instead of sending the page. */
export type ReposFaultAction =
  /**
   * Another HTTP answer: 429 or 500, a redirect with a `location`.
   * @default status 503, body '', no
   * headers
   */
  | HttpRefusal
  /** No answer, for as long as the client waits. */
  | { readonly do: 'hang' }
  /** The TCP connection is reset before an answer. */
  | { readonly do: 'reset' }
  /** The first half of the page; then nothing more, and the connection stays. */
  | { readonly do: 'stall' }
  /** The first half of the page; then the connection ends. */
  | { readonly do: 'cut' }
  /** The page, `delayMs` later. */
  | { readonly do: 'slow'; readonly delayMs: number }
  /** 200 with this body, such as the HTML of a proxy. */
  | { readonly do: 'garbage'; readonly body: string | Uint8Array }
  /** 200 with a body that never ends. */
  | { readonly do: 'flood' }
  /**
   * The page; but its cursor leads so many pages back. 0: to the page itself.
   * @default 0
   */
  | { readonly do: 'loop'; readonly back?: number }
  /** The page of the previous request again, with the cursor of the page that is due. */
  | { readonly do: 'repeat' }
  /** Fewer repos than requested, although more follow; the cursor is right. */
  | { readonly do: 'shrink'; readonly repos: number }
  /**
   * One entry of the page is something else.
   * @default index 0
   */
  | { readonly do: 'spoil'; readonly index?: number; readonly repo: unknown }

/** One entry of `faults`. */
export type ReposFault = RequestFault & ReposFaultAction

/** A fault that happened. */
export interface FiredReposFault {
  readonly fault: ReposFault
  /** Counted from 1. */
  readonly request: number
}

/** Which faults are due, and which have fired. */
export class ReposFaultPlan {
  readonly fired: FiredReposFault[] = []

  constructor(private readonly faults: readonly ReposFault[]) {}

  /** The fault for this request. Counts it as fired. */
  at(request: number): ReposFault | undefined {
    const due = this.faults.find((fault) => covers(fault.onRequest, fault, request))
    if (due !== undefined) this.fired.push({ fault: due, request })
    return due
  }

  /** See {@link unfired}. */
  get missing(): readonly string[] {
    return unfired(this.faults, this.fired)
  }
}
