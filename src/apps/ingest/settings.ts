import { InvalidArgumentError } from 'commander'
import {
  parseCount,
  parseDelay,
  parseDuration,
  parseList,
  parseName,
  parseSeqStart,
  type SeqStart,
} from '../../cli/parse.js'
import { ConfigError, type ConfigIssue } from '../../index.js'
import {
  type Mode,
  parseBatchSize,
  parseHosts,
  parseMetricsPort,
  parseMode,
  parseRedisUrl,
  parseWait,
} from './parse-settings.js'

/** One setting of the program: its flag, variables, help and default. */
interface Setting<T> {
  /** As the help shows it: `--batch-size <n>`. */
  readonly flag: string
  /** Environment variables. The first one that is set wins; the flag wins over all. */
  readonly variables: readonly string[]
  readonly help: string
  readonly fallback: T
  readonly parse: (text: string) => T
  /** May contain a password, so no message shows it. */
  readonly secret?: true
  /** The flag may be repeated: its values form one list. */
  readonly list?: true
}

const setting = <T>(one: Setting<T>): Setting<T> => one

/** In the order of the help. The keys are the names that commander gives the flags. */
export const SETTINGS = {
  mode: setting<Mode>({
    flag: '--mode <mode>',
    variables: ['INGESTER_MODE'],
    help:
      'all, firehose, backfill or labeler; all reads labelers only if hosts are given ' +
      '(default: all)',
    fallback: 'all',
    parse: parseMode,
  }),
  redis: setting({
    flag: '--redis <url>',
    variables: ['REDIS_URL'],
    help:
      'a redis:// or rediss:// URL, of a server or any node of a cluster; use the variable for a ' +
      'URL with a password (default: redis://localhost:6379)',
    fallback: new URL('redis://localhost:6379'),
    parse: parseRedisUrl,
    secret: true,
  }),
  relayHosts: setting({
    flag: '--relay-hosts <hosts>',
    variables: ['INGESTER_RELAY_HOSTS', 'RELAY_HOSTS'],
    help:
      'host names or URLs, comma-separated or repeated; all are read in parallel ' +
      '(default: bsky.network)',
    fallback: ['bsky.network'],
    parse: parseHosts,
    list: true,
  }),
  labelerHosts: setting({
    flag: '--labeler-hosts <hosts>',
    variables: ['INGESTER_LABELER_HOSTS', 'LABELER_HOSTS'],
    help: 'host names or URLs, comma-separated or repeated (default: none)',
    fallback: [],
    parse: parseHosts,
    list: true,
  }),
  collections: setting<readonly string[]>({
    flag: '--collections <nsids>',
    variables: [],
    help:
      'only write commits of these NSIDs or prefixes such as app.bsky.*, comma-separated or ' +
      'repeated (default: all)',
    fallback: [],
    parse: parseList,
    list: true,
  }),
  cursor: setting<SeqStart>({
    flag: '--cursor <start>',
    variables: [],
    help: 'where to start without a stored position: oldest, live or a seq (default: oldest)',
    fallback: 'oldest',
    parse: parseSeqStart,
  }),
  highWaterMark: setting({
    flag: '--high-water-mark <n>',
    variables: ['INGESTER_HIGH_WATER_MARK'],
    help:
      'stop reading while a stream has this many entries that its readers have not read ' +
      '(default: 100000)',
    fallback: 100_000,
    parse: parseCount,
  }),
  batchSize: setting({
    flag: '--batch-size <n>',
    variables: ['INGESTER_BATCH_SIZE'],
    help: 'entries in one write, up to 10000 (default: 500)',
    fallback: 500,
    parse: parseBatchSize,
  }),
  batchTimeout: setting({
    flag: '--batch-timeout <duration>',
    variables: ['INGESTER_BATCH_TIMEOUT_MS'],
    help: 'how long a batch waits until it is full; the variable is in milliseconds (default: 1s)',
    fallback: 1000,
    parse: parseWait,
  }),
  metricsPort: setting<number | 'off' | undefined>({
    flag: '--metrics-port <port>',
    variables: ['METRICS_PORT'],
    help:
      'serve /metrics and /healthz on this port; 0: any free port; off: do not serve ' +
      '(default: 9090 if it is free)',
    fallback: undefined,
    parse: parseMetricsPort,
  }),
  metricsAddress: setting({
    flag: '--metrics-address <address>',
    variables: ['METRICS_ADDRESS'],
    help:
      'serve them on this address; 0.0.0.0, all of them, is what a container needs ' +
      '(default: 127.0.0.1)',
    fallback: '127.0.0.1',
    parse: parseName,
  }),
  healthyWithin: setting({
    flag: '--healthy-within <duration>',
    variables: [],
    help: 'how long a host or Redis may be away before /healthz fails (default: 1m)',
    fallback: 60_000,
    parse: parseDuration,
  }),
  drain: setting({
    flag: '--drain <duration>',
    variables: [],
    help: 'after a signal: how long Redis may take for the pending entries (default: 8s)',
    // Docker kills a container 10 s after the signal, Kubernetes 30 s.
    fallback: 8000,
    parse: parseDelay,
  }),
} as const

type Name = keyof typeof SETTINGS

/** The settings of `rxjs-atproto ingest`, defaults filled in. */
export type Settings = { readonly [N in Name]: ReturnType<(typeof SETTINGS)[N]['parse']> }

/** The texts of the flags that were given. */
export type Flags = { readonly [N in Name]?: string | undefined }

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings; flags win over the environment. Throws `ConfigError` with all mistakes, each
 * with the name of its flag or variable.
 */
export function readSettings(flags: Flags, environment: Environment): Settings {
  const issues: ConfigIssue[] = []
  const read = ([name, { flag, variables, parse, fallback, secret }]: [string, Setting<unknown>]): [
    string,
    unknown,
  ] => {
    const [source, text] = givenBy(flagName(flag), flags[name as Name], variables, environment)
    if (text === undefined) return [name, fallback]
    try {
      return [name, parse(text)]
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      issues.push({
        option: source,
        message: `${secret ? 'is not valid' : `is ${JSON.stringify(text)}`}. ${error.message}`,
      })
      return [name, fallback]
    }
  }
  const settings = Object.fromEntries(
    Object.entries<Setting<unknown>>(SETTINGS).map(read),
  ) as unknown as Settings
  if (settings.mode === 'labeler' && settings.labelerHosts.length === 0) {
    issues.push({
      option: 'labeler-hosts',
      message: 'is required in the mode labeler (or INGESTER_LABELER_HOSTS)',
    })
  }
  if (typeof settings.cursor === 'number' && liveHosts(settings) > 1) {
    issues.push({
      option: 'cursor',
      message: 'can be a seq only for a single host: each host has its own numbers',
    })
  }
  if (issues.length > 0) throw new ConfigError('ingest', issues)
  return settings
}

/** How many hosts are read by seq. */
const liveHosts = ({ mode, relayHosts, labelerHosts }: Settings): number =>
  (mode === 'all' || mode === 'firehose' ? relayHosts.length : 0) +
  (mode === 'all' || mode === 'labeler' ? labelerHosts.length : 0)

/** One line for each variable that is ignored because another one wins. */
export function ignoredVariables(flags: Flags, environment: Environment): readonly string[] {
  return Object.entries<Setting<unknown>>(SETTINGS).flatMap(([name, { flag, variables }]) => {
    const [source, text] = givenBy(flagName(flag), flags[name as Name], variables, environment)
    const others = variables.filter(
      (variable) => variable !== source && (environment[variable] || text) !== text,
    )
    return others.map((variable) => `${variable} is ignored: ${source} has another value and wins`)
  })
}

/** An empty variable counts as unset: a compose file writes it for a missing value. */
function givenBy(
  flag: string,
  value: string | undefined,
  variables: readonly string[],
  environment: Environment,
): readonly [source: string, text: string | undefined] {
  if (value !== undefined) return [flag, value]
  const variable = variables.find((name) => environment[name]?.trim())
  return variable === undefined ? [flag, undefined] : [variable, environment[variable]?.trim()]
}

const flagName = (flag: string): string => flag.replace(/^--(\S+).*/, '$1')
