import { lastValueFrom, type Observable, of, throwError, toArray } from 'rxjs'
import { streamMetrics } from '../../src/delivery/metrics.js'
import { checkEachHost, type EachHostConfig, eachHost } from '../../src/live/each-host.js'
import { Issues } from '../../src/options/issues.js'

const HOSTS = ['wss://one.test/', 'wss://two.test/']

const issuesOf = (config: EachHostConfig, hosts: readonly string[]) => {
  const issues = new Issues()
  checkEachHost(config, hosts, issues)
  return issues.all.map(({ option }) => option)
}

describe('a stream for each host', () => {
  it('is made with the options of that host alone, and merged', async () => {
    const subjects = new Map(HOSTS.map((host) => [host, streamMetrics()]))
    const made: unknown[] = []
    const merged$ = eachHost(
      { idleTimeoutMs: 7, metrics$: (host) => subjects.get(host) },
      HOSTS,
      (host, options) => {
        made.push([host, options.hosts, options.idleTimeoutMs, options.metrics$])
        return of(`event of ${host}`)
      },
    )
    expect(await lastValueFrom(merged$.pipe(toArray()))).toEqual(
      HOSTS.map((host) => `event of ${host}`),
    )
    expect(made).toEqual(HOSTS.map((host) => [host, [host], 7, subjects.get(host)]))
  })

  it('takes one subject where there is one host', () => {
    const metrics$ = streamMetrics()
    const made: unknown[] = []
    eachHost({ metrics$ }, HOSTS.slice(0, 1), (_, options) => {
      made.push(options.metrics$)
      return of()
    })
    expect(made).toEqual([metrics$])
  })

  it('ends with the first error of any', async () => {
    const stream = (host: string): Observable<string> =>
      host === HOSTS[1] ? throwError(() => new Error('no')) : of('a')
    await expect(lastValueFrom(eachHost({}, HOSTS, stream))).rejects.toThrow('no')
  })

  it('is refused where the numbers of two would mix, or a host stands twice', () => {
    expect(issuesOf({ metrics$: streamMetrics() }, HOSTS)).toEqual(['metrics$'])
    expect(issuesOf({ metrics$: () => streamMetrics() }, HOSTS)).toEqual([])
    expect(issuesOf({ metrics$: streamMetrics() }, HOSTS.slice(0, 1))).toEqual([])
    expect(issuesOf({}, ['wss://one.test/', 'wss://one.test/'])).toEqual(['host'])
  })
})
