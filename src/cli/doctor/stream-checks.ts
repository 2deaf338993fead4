import {
  ConfigError,
  ConnectTimeoutError,
  type JetstreamConfig,
  type JetstreamEvent,
  ProxyError,
  RefusedError,
  StreamError,
  TlsExpiredError,
  TlsNameError,
  TlsUntrustedError,
  WireError,
} from '../../index.js'
import { type FirstEvent, type Opening, Probe, type ProbeLimits } from '../probe.js'
import { PUBLIC_HOSTS } from '../public-hosts.js'
import { duration } from '../text.js'
import { type Finding, note, well, within, wrong } from './finding.js'

export const LIMITS: ProbeLimits = { handshakeMs: 4000, listenMs: 4000, until: 'first event' }

export type Wire = 'v1' | 'v2'

/** The probes of a host. Its URL may name one wire; then there is none for the other. */
export interface Probes {
  readonly v1: Probe | undefined
  readonly v2: Probe | undefined
}

/** Dials both wires at the same time. Throws `ConfigError` for a host that is none. */
export function dialBoth(host: string, limits: ProbeLimits): Probes {
  const mistakes: unknown[] = []
  const probed = (wire: Wire): Probe | undefined => {
    try {
      return new Probe({ host, wire }, limits)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      mistakes.push(error)
      return undefined
    }
  }
  const probes = { v2: probed('v2'), v1: probed('v1') }
  if (mistakes.length > 1) throw mistakes[0]
  return probes
}

/** The end of both handshakes. */
export interface Openings {
  readonly v1: Opening | undefined
  readonly v2: Opening | undefined
}

export const isOpen = (opening: Opening | undefined): boolean =>
  opening !== undefined && opening.error === undefined

export async function openingsOf({ v1, v2 }: Probes): Promise<Openings> {
  const [one, two] = await Promise.all([v1?.opening, v2?.opening])
  return { v1: one, v2: two }
}

/** Whether the certificate was accepted. */
export function tlsFinding({ protocol }: URL, { v1, v2 }: Openings): Finding {
  if (protocol === 'ws:') return note('TLS', 'none: the host is reached by ws://')
  const errors = [v2, v1].flatMap((opening) => opening?.error ?? [])
  const error = errors.find(isOfTls)
  if (error !== undefined) return wrong('TLS', error.message, tlsRemedy(error))
  const isReached = [v2, v1].some(isOpen) || errors.some(isAnswer)
  return isReached ? well('TLS', 'the certificate is trusted') : note('TLS', 'not reached')
}

const isOfTls = (error: Error): boolean =>
  error instanceof TlsExpiredError ||
  error instanceof TlsNameError ||
  error instanceof TlsUntrustedError

const isAnswer = (error: Error): boolean =>
  error instanceof RefusedError || error instanceof WireError

function tlsRemedy(error: Error): string {
  if (error instanceof TlsExpiredError)
    return 'check the clock of this machine; see rxjs-atproto explain TLS_EXPIRED'
  if (error instanceof TlsNameError)
    return 'check how the host is written; see rxjs-atproto explain TLS_NAME'
  return (
    'name the file of your authority in NODE_EXTRA_CA_CERTS; ' +
    'see rxjs-atproto explain TLS_UNTRUSTED'
  )
}

/** How the handshake of a wire ended. A host that has the other wire needs no second one. */
export function wireFinding(wire: Wire, openings: Openings): Finding {
  const name = `wire ${wire}`
  const opening = openings[wire]
  const other = openings[wire === 'v1' ? 'v2' : 'v1']
  if (opening === undefined) return note(name, 'not tried: the URL names the other wire')
  const { error, ms } = opening
  if (error === undefined) return well(name, `open after ${duration(ms)}`)
  if (isAnswer(error) && isOpen(other)) return note(name, 'the host has only the other one')
  return wrong(name, error.message, remedyOf(error))
}

function remedyOf(error: Error): string {
  const { code } = (error.cause ?? {}) as { readonly code?: string }
  if (error instanceof ProxyError)
    return 'check the proxy, and its password; see rxjs-atproto explain PROXY'
  if (isOfTls(error)) return 'see TLS'
  if (error instanceof ConnectTimeoutError)
    return 'the host is down, or a firewall drops the connection: a company may need a proxy'
  if (code === 'ECONNREFUSED') return 'nothing listens there: check the host and its port'
  // So does a PDS with a path that it lacks (0.5.35, seen 2026-12-01).
  if (code === 'ECONNRESET') return 'the host hangs up without an answer: is it a Jetstream?'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'see DNS'
  return error instanceof StreamError
    ? `see rxjs-atproto explain ${error.code}`
    : 'report it: it is unexpected'
}

/** Whether events come. */
export async function checkFirstEvent(
  host: string,
  probes: Probes,
  openings: Openings,
  { listenMs }: ProbeLimits,
): Promise<Finding> {
  const opened = (['v2', 'v1'] as const).filter((wire) => isOpen(openings[wire]))
  if (opened.length === 0) return note('first event', 'no connection was opened')
  for (const wire of opened) {
    const first = await probes[wire]?.first
    if (first === undefined) continue
    const { event, afterMs } = first
    return well('first event', `${nameOf(event)}, ${ageText(first)}, after ${duration(afterMs)}`)
  }
  const none = `none within ${duration(listenMs)}`
  const wire = opened[0]
  return wire === undefined || isPublic(probes[wire]?.url)
    ? wrong('first event', none, 'a public host sends hundreds a second: it is stuck. Read another')
    : quietFinding(none, { host, wire, cursor: 'oldest' })
}

// All of the doctor takes ten seconds at most.
const LOG: ProbeLimits = { handshakeMs: 900, listenMs: 900, until: 'first event' }

/** A host that is not public may be quiet: its log tells whether it ever had events. */
async function quietFinding(none: string, config: JetstreamConfig): Promise<Finding> {
  const oldest = await new Probe(config, LOG).first
  return oldest === undefined
    ? quiet(
        `${none}: the host is open and quiet, and has none in its log`,
        'is there any account on what it reads? Write a record there, and look again',
      )
    : quiet(
        `${none}: the host is open and quiet. Its log has events, the oldest ${ageText(oldest)}`,
        'write a record there, and look again; where many write all the time, it is stuck',
      )
}

/** The clock of a host may be ahead of ours. */
const ageText = ({ ageMs }: FirstEvent): string =>
  ageMs < 0 ? 'of a later time than ours' : `${duration(ageMs)} old`

const quiet = (text: string, remedy: string): Finding => ({ ...note('first event', text), remedy })

const isPublic = (url: URL | undefined): boolean =>
  url !== undefined && (PUBLIC_HOSTS.includes(url.host) || url.host.endsWith('.bsky.network'))

const nameOf = (event: JetstreamEvent): string =>
  event.kind === 'commit' ? `${event.commit.operation} ${event.commit.collection}` : event.kind

const ZSTD_MS = 4000

/** Whether frames could be compressed: the host's dictionary and a decoder for it. */
export function checkZstd(host: string, openings: Openings): Promise<Finding> {
  const wire = (['v2', 'v1'] as const).find((each) => isOpen(openings[each]))
  if (wire === undefined) return Promise.resolve(note('zstd', 'no connection was opened'))
  const late = note('zstd', `the dictionary did not come within ${duration(ZSTD_MS)}`)
  return within(ZSTD_MS, compressed({ host, wire, compress: 'auto' }), late)
}

async function compressed(config: JetstreamConfig): Promise<Finding> {
  const probe = new Probe(config, LIMITS)
  const { error } = await probe.opening
  if (error !== undefined) return note('zstd', `not tried: ${error.message}`)
  const { name, decoder, reason } = probe.compression
  if (name === 'zstd') return well('zstd', `decoder: ${decoder}`)
  return note('zstd', `frames are plain: ${reason?.message ?? 'the host has no dictionary'}`)
}
