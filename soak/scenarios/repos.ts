import { join } from 'node:path'
import { type FakeRepos, fakeRepos, generateRepos, type ReposFault } from 'rxjs-atproto/testing'
import { Judge } from '../judge.js'
import type { Place, ReaderPlan, Scenario, ScenarioPlan } from '../scenario.js'

const REPOS = 300
const LIMIT = 30
// One listing has ten pages; the kills of a run see several listings.
const FAULTS: readonly ReposFault[] = [
  { onRequest: 3, do: 'refuse', optional: true },
  { onRequest: 6, do: 'cut', optional: true },
  { onRequest: 9, do: 'reset', optional: true },
  { onRequest: 14, do: 'slow', delayMs: 100, optional: true },
  { onRequest: 17, do: 'garbage', body: '<html>', optional: true },
]

/**
 * A server that lists its repositories, and a reader that lists them again when it is done with
 * all.
 */
class ReposScenario implements Scenario {
  readonly judge = new Judge({ ordered: false, bound: 'checkpoint', mayGap: false })
  readonly readers: readonly ReaderPlan[]
  #round = 0

  constructor(
    private readonly server: FakeRepos,
    private readonly dids: readonly string[],
    folder: string,
  ) {
    const task = () => ({
      source: 'repos' as const,
      host: server.url,
      cursors: join(folder, `listing-${this.#round}.json`),
      listing: { round: this.#round, limit: LIMIT },
    })
    this.readers = [
      {
        name: 'reader',
        judged: true,
        dies: ['received', 'handled', 'saving', 'saved'],
        task,
        completed: () => this.#begin(),
      },
    ]
    this.#begin()
  }

  get faults(): number {
    return this.server.fired.length
  }

  feed(): void {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close()
  }

  /** One more listing: every repository of it is to be handled. */
  #begin(): void {
    this.#round += 1
    const pages = this.#round * REPOS
    const sent = this.dids.map((did, n) => {
      const id = `${this.#round} ${did}`
      return { id, lane: did, key: id, value: did, group: pages + Math.floor(n / LIMIT) }
    })
    this.judge.send(sent)
  }
}

const repos = (style: 'relay' | 'pds'): ScenarioPlan => ({
  name: `listRepos$ of a ${style === 'pds' ? 'PDS' : style}`,
  async open({ seed, folder }: Place) {
    const all = [...generateRepos({ count: REPOS, seed })]
    const server = await fakeRepos({ repos: all, style, faults: FAULTS })
    return new ReposScenario(
      server,
      all.map(({ did }) => did),
      folder,
    )
  },
})

export const LISTINGS: readonly ScenarioPlan[] = [repos('relay'), repos('pds')]
