import type { FakeTapItem } from './tap-frame.js'
import { type FakeTapRepo, pendingRepo } from './tap-routes.js'

/** The repositories that the server tracks. One that has events is tracked, and its counts follow them. */
export class TapTracker {
  readonly repos = new Map<string, FakeTapRepo>()

  constructor(repos: Iterable<Partial<FakeTapRepo> & { readonly did: string }>) {
    for (const repo of repos) this.repos.set(repo.did, { ...pendingRepo(repo.did), ...repo })
  }

  /** Recorded frames tell nothing: they may be broken. */
  track(item: FakeTapItem): void {
    if (typeof item === 'string') return
    const repo = this.repos.get(item.did) ?? { ...pendingRepo(item.did), state: 'active' }
    if (item.type === 'identity') this.repos.set(item.did, { ...repo, handle: item.handle })
    else this.repos.set(item.did, { ...repo, rev: item.rev, records: Math.max(0, repo.records + (STEPS[item.action] ?? 0)) })
  }
}

const STEPS: Readonly<Record<string, number>> = { create: 1, delete: -1 }
