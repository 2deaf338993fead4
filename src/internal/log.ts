/**
 * Where the library's few warnings go. `console`, pino, winston and Nest's `Logger` fit as they
 * are: each call passes one line of text.
 */
export interface Logger {
  /** Receives what an operator must know. */
  warn(message: string): unknown
  /** Accepted and not called: `console.info` writes to stdout, where a program may put its data. */
  info?(message: string): unknown
  /** Accepted and not called: an error ends the stream, and arrives there. */
  error?(message: string): unknown
}

/** The library's own side of a {@link Logger}. Never throws. */
export interface Log {
  warn(text: string): void
}

export const SILENT: Log = { warn() {} }

/**
 * The log of an option. Without a logger, and with `console` itself, lines begin with the name of
 * this library; other loggers know where their lines come from.
 */
export function logOf(option: false | Logger | undefined): Log {
  if (option === false) return SILENT
  // `console` is looked up at each line: a program or a spec may replace it or its methods.
  return { warn: (text) => warnTo(option ?? console, oneLine(text)) }
}

/**
 * What a config schema accepts: functions too, since Nest's `Logger` is a class with static
 * methods.
 */
export const isLogger = (value: unknown): value is Logger =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  typeof (value as { warn?: unknown }).warn === 'function'

/** What {@link isLogger} asks for, as the message of a `ConfigError`. */
export const LOGGER = 'must be false, or a logger: an object with a `warn` method'

/** A logger that fails must not end a stream, and an async one must not end the process. */
function warnTo(logger: Logger, line: string): void {
  try {
    const result = logger.warn(logger === console ? `rxjs-atproto: ${line}` : line)
    if (isThenable(result)) result.then(undefined, () => {})
  } catch {
    // There is no other place to report it to.
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

// A server chooses parts of the text. Controls drive a terminal, format characters turn the order
// of a line around, and both line separators start a new line.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu

const oneLine = (text: string): string => text.replace(UNSAFE, ' ')
