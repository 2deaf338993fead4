import { NEVER, Observable, of, type Subscription, throwError } from 'rxjs'
import {
  ConfigError,
  ConnectError,
  RefusedError,
  type TapRepoChange,
  type TapRepoInfo,
  type TapReposConfig,
  tapAdmin,
  tapRepos$,
} from '../../../src/index.js'
import { repoChanges } from '../../../src/sources/tap/repo-changes.js'
import { fakeTap, marbles } from '../../../src/testing/index.js'
import { ALICE, BOB } from './tapped.js'

const infoOf = (did: string, state: string): TapRepoInfo => ({
  did,
  handle: '',
  state,
  rev: '',
  error: '',
  retries: 0,
  records: 0,
})

/**
 * Answers each look at a repository with the next of its states; `404` and `500` as the server
 * would.
 */
function scripted(states: Readonly<Record<string, readonly string[]>>) {
  const looks = new Map<string, number>()
  return (did: string): Observable<TapRepoInfo | undefined> => {
    const look = looks.get(did) ?? 0
    looks.set(did, look + 1)
    const state = states[did]?.[look] ?? 'active'
    if (state === '404') return of(undefined)
    if (/^\d+$/.test(state))
      return throwError(
        () => new RefusedError(`answered with ${state}`, { status: Number(state), body: '' }),
      )
    return of(infoOf(did, state))
  }
}

const brief = ({ did, previous, state }: TapRepoChange) => `${did}: ${previous ?? 'new'} > ${state}`

/** What is emitted within so many milliseconds of virtual time. */
function changesWithin(ms: number, changes$: Observable<TapRepoChange>): string[] {
  const seen: string[] = []
  marbles(({ expectObservable }) => {
    expectObservable(
      new Observable<never>((subscriber) => {
        subscriber.add(
          changes$.subscribe({
            next: (change) => seen.push(brief(change)),
            error: (error) => seen.push(String(error.code)),
          }),
        )
      }),
      `${ms}ms !`,
    ).toBe('-')
  })()
  return seen
}

describe('tapRepos$', () => {
  it('looks at once and every `everyMs`, and emits the changes of `state` alone', () => {
    const ask = scripted({
      a: ['pending', 'pending', 'resyncing', 'active', 'error'],
      b: ['active'],
    })
    const changes$ = repoChanges(['a', 'b'], 1000, ask)
    expect(changesWithin(1, changes$)).toEqual(['a: new > pending', 'b: new > active'])
    const again = repoChanges(
      ['a', 'b'],
      1000,
      scripted({ a: ['pending', 'pending', 'resyncing', 'active', 'error'] }),
    )
    expect(changesWithin(4001, again)).toEqual([
      'a: new > pending',
      'b: new > active',
      'a: pending > resyncing',
      'a: resyncing > active',
      'a: active > error',
    ])
  })

  it('is cold: each subscription begins with a look of its own', () => {
    const changes$ = repoChanges(['a'], 1000, () => of(infoOf('a', 'active')))
    expect(changesWithin(1, changes$)).toEqual(['a: new > active'])
    expect(changesWithin(1, changes$)).toEqual(['a: new > active'])
  })

  it('goes on after a 404 and a 500 of one repository: they are states, too', () => {
    const ask = scripted({ a: ['404', 'pending', '404'], b: ['active', '500', '500', 'active'] })
    expect(changesWithin(3001, repoChanges(['a', 'b'], 1000, ask))).toEqual([
      'a: new > untracked',
      'b: new > active',
      'a: untracked > pending',
      'b: active > unknown',
      'a: pending > untracked',
      'a: untracked > active',
      'b: unknown > active',
    ])
  })

  it('says why a repository is unknown, and passes what the server says of the others', () => {
    const seen: TapRepoChange[] = []
    const ask = scripted({ a: ['500'], b: ['throttled'], c: ['404'] })
    marbles((helpers) => {
      const subscription = repoChanges(['a', 'b', 'c'], 1000, ask).subscribe((change) =>
        seen.push(change),
      )
      helpers.cold('-|').subscribe({ complete: () => subscription.unsubscribe() })
    })()
    expect(seen).toEqual([
      { did: 'a', state: 'unknown', previous: undefined, error: expect.any(RefusedError) },
      { did: 'b', state: 'throttled', previous: undefined, info: infoOf('b', 'throttled') },
      { did: 'c', state: 'untracked', previous: undefined },
    ])
  })

  it.each(['401', '403'])('errors where the password is refused with %s', (status) => {
    expect(changesWithin(5000, repoChanges(['a', 'b'], 1000, scripted({ b: [status] })))).toEqual([
      'a: new > active',
      'REFUSED',
    ])
  })

  it('takes an answer without a state for a failed look', () => {
    expect(
      changesWithin(
        1,
        repoChanges(['a'], 1000, () => of({} as TapRepoInfo)),
      ),
    ).toEqual(['a: new > unknown'])
  })

  it('asks for 8 at once at most, and begins no round before the last one is over', () => {
    const dids = Array.from({ length: 20 }, (_, index) => `did-${index}`)
    let [open, most, asked] = [0, 0, 0]
    marbles(({ cold }) => {
      const ask = (did: string) =>
        new Observable<TapRepoInfo>((subscriber) => {
          open += 1
          asked += 1
          most = Math.max(most, open)
          const answer$ = cold('1500ms (a|)', { a: infoOf(did, 'active') })
          subscriber.add(answer$.subscribe(subscriber))
          subscriber.add(() => {
            open -= 1
          })
        })
      const subscription: Subscription = repoChanges(dids, 1000, ask).subscribe()
      // Three turns of 1.5 s: the next round begins at 5 s.
      cold('4999ms |').subscribe({ complete: () => expect(asked).toBe(20) })
      cold('5001ms |').subscribe({
        complete: () => {
          expect(asked).toBe(28)
          subscription.unsubscribe()
          expect(open).toBe(0)
        },
      })
    })()
    expect(most).toBe(8)
  })

  it('has no trouble with many answers at once', () => {
    const dids = Array.from({ length: 20_000 }, (_, index) => `did-${index}`)
    expect(
      changesWithin(
        1,
        repoChanges(dids, 1000, (did) => of(infoOf(did, 'active'))),
      ),
    ).toHaveLength(20_000)
  })
})

describe('tapRepos$ of a server', () => {
  /** The changes, and when there are so many. */
  const changes = (config: TapReposConfig) => {
    const seen: TapRepoChange[] = []
    let heard = (): void => {}
    const arrived = async (count: number) => {
      while (seen.length < count)
        await new Promise<void>((resolve) => {
          heard = resolve
        })
    }
    const subscription = tapRepos$(config).subscribe({
      next: (change) => {
        seen.push(change)
        heard()
      },
    })
    return { seen, subscription, arrived }
  }

  it('tells of a repository from its tracking to its error', async () => {
    await using tap = await fakeTap({
      adminPassword: 'right',
      repos: [{ did: BOB, state: 'active', handle: 'bob.test' }],
    })
    const server = { host: tap.host, adminPassword: 'right' }
    const { seen, subscription, arrived } = changes({
      ...server,
      dids: [ALICE, BOB, ALICE],
      everyMs: 20,
    })
    await arrived(2)
    await tapAdmin(server).addRepos([ALICE])
    await arrived(3)
    tap.setRepo({ did: ALICE, state: 'active' })
    await arrived(4)
    tap.setRepo({ did: ALICE, state: 'error', error: 'RepoDeactivated', retries: 1 })
    await arrived(5)
    subscription.unsubscribe()
    expect([...seen.slice(0, 2)].sort((a, b) => (a.did < b.did ? -1 : 1)).map(brief)).toEqual([
      `${ALICE}: new > untracked`,
      `${BOB}: new > active`,
    ])
    expect(seen.slice(2).map(({ previous, state }) => `${previous} > ${state}`)).toEqual([
      'untracked > pending',
      'pending > active',
      'active > error',
    ])
    expect(seen[4]?.info).toMatchObject({ error: 'RepoDeactivated', retries: 1 })
  })

  it('finds a server that is not there, and takes it up again', async () => {
    const gone = await fakeTap()
    const { host, port } = gone
    await gone.close()
    const { seen, subscription, arrived } = changes({ host, dids: [ALICE], everyMs: 20 })
    await arrived(1)
    expect(seen[0]).toMatchObject({ state: 'unknown', error: expect.any(ConnectError) })
    await using _back = await fakeTap({ port, repos: [{ did: ALICE, state: 'active' }] })
    await arrived(2)
    expect(seen.map(({ state }) => state)).toEqual(['unknown', 'active'])
    subscription.unsubscribe()
  })

  it('aborts its requests at the end', async () => {
    await using tap = await fakeTap({ intercept: () => 'hang' })
    const { seen, subscription } = changes({ host: tap.host, dids: [ALICE] })
    await tap.when(() => tap.requests.length === 1)
    subscription.unsubscribe()
    // The fake closes only when no request hangs.
    await tap.close()
    expect(seen).toEqual([])
  })

  it('ends with the refusal of a wrong password', async () => {
    await using tap = await fakeTap({ adminPassword: 'right' })
    const error = await new Promise((resolve) =>
      tapRepos$({ host: tap.host, adminPassword: 'wrong', dids: [ALICE] }).subscribe({
        error: resolve,
      }),
    )
    expect(error).toMatchObject({ code: 'REFUSED', status: 401, retryable: false })
  })

  it.each<[Partial<Record<keyof TapReposConfig, unknown>>, string]>([
    [{ dids: [] }, '`dids` must not be empty'],
    [{ dids: undefined }, '`dids` must be a list of DIDs'],
    [{ dids: [ALICE, 'alice.test'] }, '`dids.1` must be a DID, not "alice.test"'],
    [{ dids: [ALICE, null] }, '`dids.1` must be a DID, not null'],
    [{ dids: [ALICE], everyMs: 0 }, '`everyMs` must be above 0, not 0'],
    [{ dids: [ALICE], everyMs: 2 ** 31 }, '`everyMs` must be at most 2147483647'],
    [{ dids: [ALICE], host: 'no host' }, '`host`'],
    [{ dids: [ALICE], checkpoint: 1 } as never, '`checkpoint` is not an option'],
  ])('is not made with %j', (config, message) => {
    expect(() => tapRepos$(config as TapReposConfig)).toThrow(ConfigError)
    expect(() => tapRepos$(config as TapReposConfig)).toThrow(
      `tapRepos$: the config is not valid\n  ${message}`,
    )
  })
})

// Kept out of the suites above: a stream that never answers.
it('tapRepos$ emits nothing while no answer arrives', () => {
  expect(
    changesWithin(
      10_000,
      repoChanges(['a'], 1000, () => NEVER),
    ),
  ).toEqual([])
})
