import type { FakeRequest } from '../server/fake-connection.js'
import type { FiredReposFault, ReposFault } from './faults.js'

/** How a {@link fakeRepos} behaves. */
export interface FakeReposOptions {
  /**
   * The repos it lists: a number of generated ones, or a list of them as they go out.
   * @default 0
   */
  readonly repos?: number | Iterable<unknown>
  /**
   * For generated ones.
   * @default 1
   */
  readonly seed?: number
  /**
   * Whose cursors and end: those of indigo's relay, or of the TypeScript PDS.
   * @default 'relay'
   */
  readonly style?: 'relay' | 'pds'
  /**
   * What goes wrong. The server fails to close if one of these never happened.
   * @default []
   */
  readonly faults?: readonly ReposFault[]
  /** @default 0, any free one */
  readonly port?: number
}

/** One request for a page. */
export interface FakeReposRequest extends FakeRequest {
  /** Counted from 1. */
  readonly request: number
  /** The `cursor` parameter as it came. */
  readonly cursor: string | undefined
  /** The `limit` parameter as it came. */
  readonly limit: string | undefined
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** Whether the client went away before it had the answer. */
  readonly aborted: boolean
}

/**
 * A server of `com.atproto.sync.listRepos` on this machine's loopback. Made by {@link fakeRepos}.
 */
export interface FakeRepos extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly port: number
  /** What it lists, in order. */
  readonly repos: readonly unknown[]
  /** Every request for a page, in order. */
  readonly requests: readonly FakeReposRequest[]
  /** The faults that happened. */
  readonly fired: readonly FiredReposFault[]
  /** Appends to the listing. */
  add(...repos: readonly unknown[]): void
  /** Resolves when the condition holds; asked again at each request, answer, fault and end. */
  when(holds: () => boolean): Promise<void>
  /**
   * Ends everything. Rejects if a fault that is not `optional` never fired. Also what `await using`
   * calls.
   */
  close(): Promise<void>
}
