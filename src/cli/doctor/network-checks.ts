import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { CommandContext } from '../context.js'
import { counted, duration } from '../text.js'
import { type Finding, note, well, within, wrong } from './finding.js'

type Environment = CommandContext['environment']

const DNS_MS = 3000
const CLOCK_MS = 4000
// The header has whole seconds, and the way to the host takes some time.
const CLOCK_MAY_DIFFER_MS = 5000

/** Whether the name of the host is known. */
export function checkDns({ hostname }: URL): Promise<Finding> {
  const name = hostname.replace(/^\[|\]$/g, '')
  if (isIP(name) !== 0) return Promise.resolve(note('DNS', 'not asked: the host is an address'))
  const late = wrong(
    'DNS',
    `no answer within ${duration(DNS_MS)}`,
    'check the network, and the name server of this machine',
  )
  return within(DNS_MS, lookedUp(name), late)
}

async function lookedUp(name: string): Promise<Finding> {
  const startedAt = performance.now()
  try {
    const addresses = await lookup(name, { all: true })
    const ms = performance.now() - startedAt
    const [first] = addresses
    const others = addresses.length > 1 ? ` and ${counted(addresses.length - 1, 'other')}` : ''
    return well('DNS', `${first?.address}${others}, ${duration(ms)}`)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const isUnknown = code === 'ENOTFOUND'
    return wrong(
      'DNS',
      isUnknown ? `nobody knows the name ${name}` : `the name was not found: ${code}`,
      isUnknown
        ? 'check how the host is written; a private name needs its own name server'
        : 'check the network, and the name server of this machine',
    )
  }
}

/** The proxy by the environment, and one that does not count. */
export function checkProxy({ protocol }: URL, environment: Environment): Finding {
  const names = protocol === 'wss:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY']
  const name = names.find((each) => environment[each])
  if (name === undefined) return note('proxy', 'none')
  if (!usesProxies(environment))
    return note('proxy', `none: ${name} counts only with NODE_USE_ENV_PROXY=1`)
  const excluded = environment.no_proxy || environment.NO_PROXY
  const except = excluded ? `, unless NO_PROXY (${excluded}) leaves the host out` : ''
  return well('proxy', `${withoutPassword(environment[name] ?? '')} by ${name}${except}`)
}

const usesProxies = ({ NODE_USE_ENV_PROXY }: Environment): boolean =>
  NODE_USE_ENV_PROXY === '1' || process.execArgv.includes('--use-env-proxy')

const withoutPassword = (text: string): string =>
  URL.canParse(text) ? new URL(text).origin : 'a URL that cannot be read'

/** How far our clock is from that of the host, as its HTTP answers tell it. */
export function checkClock(url: URL): Promise<Finding> {
  const unknown = note('clock', 'not compared: the host told no time')
  return within(CLOCK_MS, compared(url, unknown), unknown)
}

async function compared(url: URL, unknown: Finding): Promise<Finding> {
  try {
    const address = new URL('/', url.href.replace(/^ws/, 'http'))
    const sentAt = Date.now()
    const { headers } = await fetch(address, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(CLOCK_MS),
    })
    const theirs = Date.parse(headers.get('date') ?? '')
    return Number.isNaN(theirs) ? unknown : clockFinding((sentAt + Date.now()) / 2 - theirs)
  } catch {
    return unknown
  }
}

/** `aheadMs`: how far our clock is ahead of the host's. */
export function clockFinding(aheadMs: number): Finding {
  const distance = Math.abs(aheadMs)
  if (distance <= CLOCK_MAY_DIFFER_MS)
    return well('clock', `within ${duration(CLOCK_MAY_DIFFER_MS)} of that of the host`)
  return wrong(
    'clock',
    `this machine is ${duration(distance)} ${aheadMs > 0 ? 'ahead of' : 'behind'} the host`,
    'set the clock over the network (NTP): the lag is wrong by as much, and a cursor of a time',
  )
}
