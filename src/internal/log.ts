/**
 * Receives the library's few warnings, one line of text in each call. `console`, pino, winston and
 * Nest's `Logger` can be passed as they are.
 */
export interface Logger {
  /** Receives what whoever operates the program must know. */
  warn(message: string): unknown
  /** Called by `logTo` and `run` alone. */
  info?(message: string): unknown
  /** Called by `logTo` and `run` alone: elsewhere an error ends the stream. */
  error?(message: string): unknown
}

/** A {@link Logger} as the library calls it. Never throws. */
export interface Log {
  warn(text: string): void
}

/** A {@link Log} that writes what is no warning too. */
export interface LevelLog extends Log {
  info(text: string): void
  error(text: string): void
}

export const SILENT: Log = { warn() {} }

/**
 * Returns the log for the option `log`. Lines to `console` begin with the name of this library; a
 * logger of the program receives the text alone.
 */
export function logOf(option: false | Logger | undefined): Log {
  if (option === false) return SILENT
  // `console` is read for each line, because a program or a spec may replace it or its methods.
  return { warn: (text) => write(option ?? console, 'warn', text) }
}

type Level = 'info' | 'warn' | 'error'

/**
 * Returns a log of three levels. A logger without a method for a level receives its lines by
 * `warn`. So does `console` for `info`, which writes to stdout, where a program may write its data.
 */
export function levelsOf(option: false | Logger | undefined): LevelLog {
  if (option === false) return { info() {}, warn() {}, error() {} }
  const at = (level: Level) => (text: string) => {
    const logger = option ?? console
    const isMissing = logger[level] === undefined || (level === 'info' && logger === console)
    write(logger, isMissing ? 'warn' : level, text)
  }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

/**
 * Whether a config accepts a value as a logger. Functions are accepted too, because Nest's `Logger`
 * is a class with static methods.
 */
export const isLogger = (value: unknown): value is Logger =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  typeof (value as { warn?: unknown }).warn === 'function'

/** The message of a `ConfigError` for a value that {@link isLogger} does not accept. */
export const LOGGER = 'must be false, or a logger: an object with a `warn` method'

/** A logger that throws must not end a stream, and one that rejects must not end the process. */
function write(logger: Logger, level: Level, text: string): void {
  const line = oneLine(text)
  try {
    const result = logger[level]?.(logger === console ? `rxjs-atproto: ${line}` : line)
    if (isThenable(result)) result.then(undefined, () => {})
  } catch {
    // There is nowhere else to report it.
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

// A server chooses parts of the text. Control characters drive a terminal, format characters can
// reverse the order of a line, and both line separators start a new line.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu

const oneLine = (text: string): string => text.replace(UNSAFE, ' ')
