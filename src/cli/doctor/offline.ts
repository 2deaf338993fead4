import { networkInterfaces } from 'node:os'
import type { Finding } from './finding.js'

/**
 * Why this machine seems to have no network, if it does: it has no interface, or no name of several
 * hosts is known. `findings`: those of all hosts.
 */
export function offlineReason(
  findings: readonly Finding[],
  interfaces = networkInterfaces(),
): string | undefined {
  const names = findings.filter(({ name }) => name === 'DNS')
  const unknown = names.filter(({ state }) => state === 'wrong')
  if (unknown.length === 0) return undefined
  const isAlone = Object.values(interfaces).every((each = []) =>
    each.every(({ internal }) => internal),
  )
  if (isAlone) return 'only its loopback interface is up'
  const isUnknown = names.length > 1 && unknown.length === names.length
  return isUnknown ? 'no name of a host could be looked up' : undefined
}
