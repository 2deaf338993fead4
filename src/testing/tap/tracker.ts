import type { FakeTapItem } from './frame.js'
import { type FakeTapRepo, pendingRepo } from './routes.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * The repositories that the server tracks, among them each that has events. Their counts follow the
 * events.
 */
export class TapTracker {
  readonly repos = new Map<string, Mutable<FakeTapRepo>>()

  constructor(repos: Iterable<Partial<FakeTapRepo> & { readonly did: string }>) {
    for (const repo of repos) this.set(repo)
  }

  set(repo: Partial<FakeTapRepo> & { readonly did: string }): void {
    this.repos.set(repo.did, { ...pendingRepo(repo.did), ...this.repos.get(repo.did), ...repo })
  }

  /** Recorded frames are ignored: they may be invalid. */
  track(item: FakeTapItem): void {
    if (typeof item === 'string') return
    const repo = this.#repoOf(item.did)
    if (item.type === 'identity') {
      repo.handle = item.handle
      return
    }
    repo.rev = item.rev
    repo.records = Math.max(0, repo.records + (STEPS[item.action] ?? 0))
  }

  #repoOf(did: string): Mutable<FakeTapRepo> {
    let repo = this.repos.get(did)
    if (repo === undefined) {
      repo = { ...pendingRepo(did), state: 'active' }
      this.repos.set(did, repo)
    }
    return repo
  }
}

const STEPS: Readonly<Record<string, number>> = { create: 1, delete: -1 }
