import type { CommandContext } from '../context.js'
import { type Finding, note } from './finding.js'
import { checkClock, checkDns, checkProxy } from './network-checks.js'
import {
  checkFirstEvent,
  checkZstd,
  dialBoth,
  isOpen,
  LIMITS,
  openingsOf,
  tlsFinding,
  wireFinding,
} from './stream-checks.js'

/**
 * What is known of a host at the end. `'quiet'`: it is open, and may have nothing to send.
 * `'silent'`: it should have sent something.
 */
export type Verdict = 'works' | 'quiet' | 'silent' | 'unreachable'

/** The checks of a host, which run at the same time. */
export interface Examination {
  readonly host: string
  /** In the order of a connection. */
  readonly findings: readonly Promise<Finding>[]
  readonly verdict: Promise<Verdict>
}

/** Starts all checks of a host. Throws `ConfigError` for a host that is none. */
export function examine(
  host: string,
  environment: CommandContext['environment'],
  limits = LIMITS,
): Examination {
  const probes = dialBoth(host, limits)
  const { url } = probes.v2 ?? probes.v1 ?? {}
  if (url === undefined) throw new Error(`${host} was not dialled`)
  const proxy = checkProxy(url, environment)
  const openings = openingsOf(probes)
  const first = openings.then((ended) => checkFirstEvent(host, probes, ended, limits))
  return {
    host,
    findings: [
      checkDns(url).then((dns) => withProxy(dns, proxy)),
      Promise.resolve(proxy),
      openings.then((ended) => tlsFinding(url, ended)),
      openings.then((ended) => wireFinding('v2', ended)),
      openings.then((ended) => wireFinding('v1', ended)),
      first,
      checkClock(url),
      openings.then((ended) => checkZstd(host, ended)),
    ],
    verdict: Promise.all([openings, first]).then(([{ v1, v2 }, { state }]) => {
      if (state === 'well') return 'works'
      if (!isOpen(v1) && !isOpen(v2)) return 'unreachable'
      return state === 'note' ? 'quiet' : 'silent'
    }),
  }
}

/** A proxy asks for the name of the host itself. */
const withProxy = (dns: Finding, proxy: Finding): Finding =>
  dns.state === 'wrong' && proxy.state === 'well'
    ? note('DNS', `${dns.text}; the proxy asks for it`)
    : dns
