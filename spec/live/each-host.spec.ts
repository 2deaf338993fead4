import { lastValueFrom, NEVER, type Observable, of, Subject, throwError, toArray } from 'rxjs'
import { streamMetrics } from '../../src/delivery/metrics.js'
import { RefusedError } from '../../src/errors.js'
import { SILENT } from '../../src/internal/log.js'
import {
  checkEachHost,
  type EachHostConfig,
  eachHost,
  mergeHosts,
} from '../../src/live/each-host.js'
import { Issues } from '../../src/options/issues.js'

const HOSTS = ['wss://one.test/', 'wss://two.test/']

const refused = (status: number) => new RefusedError(`refused with ${status}`, { status, body: '' })

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

  it.each([
    new Error('no'),
    new RefusedError('no such kind', { status: 400, body: 'no such kind' }),
  ])('ends with the first error of any that is not the answer of one host: %s', (failure) => {
    const seen: unknown[] = []
    const stream = (host: string): Observable<string> =>
      host === HOSTS[1] ? throwError(() => failure) : NEVER
    eachHost({}, HOSTS, stream).subscribe({ error: (error) => seen.push(error) })
    expect(seen).toEqual([failure])
  })

  it('goes on with the others when one refuses for good, which is logged', () => {
    const seen: unknown[] = []
    const lines: string[] = []
    const events$ = new Subject<string>()
    eachHost({ log: { warn: (line) => lines.push(line) } }, HOSTS, (host) =>
      host === HOSTS[0] ? throwError(() => refused(404)) : events$,
    ).subscribe({ next: (event) => seen.push(event), error: (error) => seen.push(error) })
    events$.next('a')
    expect(seen).toEqual(['a'])
    expect(lines).toEqual(['wss://one.test/ is left, and the others go on: refused with 404'])
    events$.error(refused(403))
    expect(seen).toEqual(['a', refused(404)])
    expect(lines).toHaveLength(1)
  })

  it('ends with a refusal when the others are complete', async () => {
    const merged$ = mergeHosts(
      [
        ['one', throwError(() => refused(404))],
        ['two', of('a')],
      ],
      SILENT,
    )
    const seen: unknown[] = []
    merged$.subscribe({ next: (event) => seen.push(event), error: (error) => seen.push(error) })
    expect(seen).toEqual(['a', refused(404)])
  })

  it('is refused where the numbers of two would mix, or a host stands twice', () => {
    expect(issuesOf({ metrics$: streamMetrics() }, HOSTS)).toEqual(['metrics$'])
    expect(issuesOf({ metrics$: () => streamMetrics() }, HOSTS)).toEqual([])
    expect(issuesOf({ metrics$: streamMetrics() }, HOSTS.slice(0, 1))).toEqual([])
    expect(issuesOf({}, ['wss://one.test/', 'wss://one.test/'])).toEqual(['host'])
  })
})
