import { InvalidArgumentError } from 'commander'
import {
  parseCount,
  parseDuration,
  parseList,
  parseSeqStart,
  type SeqStart,
} from '../../cli/parse.js'
import { ConfigError, type ConfigIssue } from '../../index.js'
import {
  type Mode,
  parseBatchSize,
  parseDelay,
  parseHosts,
  parseMetricsPort,
  parseMode,
  parseRedisUrl,
  parseWait,
} from './parse-settings.js'

/** One value of the program: how a person gives it, and what it is when nobody does. */
interface Setting<T> {
  /** As the help shows it: `--batch-size <n>`. */
  readonly flag: string
  /**
   * The environment's names for it. The first that is set wins over the others; the flag wins over
   * all.
   */
  readonly variables: readonly string[]
  readonly help: string
  readonly fallback: T
  readonly parse: (text: string) => T
  /** May hold a password, which no message shows. */
  readonly secret?: true
  /** The flag may be given again: its values are one list. */
  readonly list?: true
}

const setting = <T>(one: Setting<T>): Setting<T> => one

/** In the order of the help. The names are those that the flags have in a program. */
export const SETTINGS = {
  mode: setting<Mode>({
    flag: '--mode <mode>',
    variables: ['INGESTER_MODE'],
    help: 'all, firehose, backfill or labeler; all reads labelers only where hosts are given (default: all)',
    fallback: 'all',
    parse: parseMode,
  }),
  redis: setting({
    flag: '--redis <url>',
    variables: ['REDIS_URL'],
    help: 'a redis:// or rediss:// URL; one with a password belongs in the variable (default: redis://localhost:6379)',
    fallback: new URL('redis://localhost:6379'),
    parse: parseRedisUrl,
    secret: true,
  }),
  relayHosts: setting({
    flag: '--relay-hosts <hosts>',
    variables: ['INGESTER_RELAY_HOSTS', 'RELAY_HOSTS'],
    help: 'host names or URLs, with commas or again: read side by side (default: bsky.network)',
    fallback: ['bsky.network'],
    parse: parseHosts,
    list: true,
  }),
  labelerHosts: setting({
    flag: '--labeler-hosts <hosts>',
    variables: ['INGESTER_LABELER_HOSTS', 'LABELER_HOSTS'],
    help: 'host names or URLs, with commas or again (default: none)',
    fallback: [],
    parse: parseHosts,
    list: true,
  }),
  collections: setting<readonly string[]>({
    flag: '--collections <nsids>',
    variables: [],
    help: 'write commits of these only: NSIDs, or prefixes such as app.bsky.*, with commas or again (default: all)',
    fallback: [],
    parse: parseList,
    list: true,
  }),
  cursor: setting<SeqStart>({
    flag: '--cursor <start>',
    variables: [],
    help: 'where a host without a stored position starts: oldest, live, or a seq (default: oldest)',
    fallback: 'oldest',
    parse: parseSeqStart,
  }),
  highWaterMark: setting({
    flag: '--high-water-mark <n>',
    variables: ['INGESTER_HIGH_WATER_MARK'],
    help: 'stop reading while a stream holds so many entries that its readers have not read (default: 100000)',
    fallback: 100_000,
    parse: parseCount,
  }),
  batchSize: setting({
    flag: '--batch-size <n>',
    variables: ['INGESTER_BATCH_SIZE'],
    help: 'entries to write at once, up to 10000 (default: 500)',
    fallback: 500,
    parse: parseBatchSize,
  }),
  batchTimeout: setting({
    flag: '--batch-timeout <duration>',
    variables: ['INGESTER_BATCH_TIMEOUT_MS'],
    help: 'how long a batch waits to be full; the variable is in milliseconds (default: 1s)',
    fallback: 1000,
    parse: parseWait,
  }),
  metricsPort: setting<number | 'off' | undefined>({
    flag: '--metrics-port <port>',
    variables: ['METRICS_PORT'],
    help: 'serve /metrics and /healthz there; 0: a free one; off: nowhere (default: 9090 if it is free)',
    fallback: undefined,
    parse: parseMetricsPort,
  }),
  metricsAddress: setting<string | undefined>({
    flag: '--metrics-address <address>',
    variables: [],
    help: 'serve them on this address alone, such as 127.0.0.1 (default: all)',
    fallback: undefined,
    parse: (text) => text,
  }),
  healthyWithin: setting({
    flag: '--healthy-within <duration>',
    variables: [],
    help: 'how long a host or Redis may be away before /healthz says so (default: 1m)',
    fallback: 60_000,
    parse: parseDuration,
  }),
  drain: setting({
    flag: '--drain <duration>',
    variables: [],
    help: 'after a signal: how long Redis may take for what is in hand (default: 8s)',
    // Docker and Kubernetes kill what has not ended by itself: after 10 and 30 s.
    fallback: 8000,
    parse: parseDelay,
  }),
} as const

type Name = keyof typeof SETTINGS

/** All that `rxjs-atproto ingest` is told. */
export type Settings = { readonly [N in Name]: ReturnType<(typeof SETTINGS)[N]['parse']> }

/** Flags as they were written. */
export type Flags = { readonly [N in Name]?: string | undefined }

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Flags win over the environment. Throws all mistakes at once, each with the name of the flag or
 * variable that holds it.
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
        message: `${secret ? 'is no good' : `is ${JSON.stringify(text)}`}. ${error.message}`,
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
      message: 'is needed for the mode labeler (or INGESTER_LABELER_HOSTS)',
    })
  }
  if (typeof settings.cursor === 'number' && liveHosts(settings) > 1) {
    issues.push({
      option: 'cursor',
      message: 'can be a seq for one host alone: each counts for itself',
    })
  }
  if (issues.length > 0) throw new ConfigError('ingest', issues)
  return settings
}

/** Hosts that are read by seq. */
const liveHosts = ({ mode, relayHosts, labelerHosts }: Settings): number =>
  (mode === 'all' || mode === 'firehose' ? relayHosts.length : 0) +
  (mode === 'all' || mode === 'labeler' ? labelerHosts.length : 0)

/** Variables that are set, and do not count since another one does: one line for each. */
export function ignoredVariables(flags: Flags, environment: Environment): readonly string[] {
  return Object.entries<Setting<unknown>>(SETTINGS).flatMap(([name, { flag, variables }]) => {
    const [source, text] = givenBy(flagName(flag), flags[name as Name], variables, environment)
    const others = variables.filter(
      (variable) => variable !== source && (environment[variable] || text) !== text,
    )
    return others.map(
      (variable) => `${variable} is not used: ${source} has another value, and wins`,
    )
  })
}

/** An empty variable is how a compose file leaves one out. */
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
