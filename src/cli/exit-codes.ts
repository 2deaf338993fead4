/** What a script learns from a run. The help of the program lists them. */
export const EXIT = {
  /** The goal was reached, or the reader of stdout went away. */
  done: 0,
  unexpected: 1,
  /** The command line cannot be read. */
  usage: 2,
  /** An option's value, or what it names, is wrong. */
  config: 3,
  neverConnected: 4,
  /** The stream ended: refused for good, or its retries used up. */
  ended: 5,
  /** Something was lost, and `--strict` was given. */
  loss: 6,
  /** stdout, the cursor file or Redis could not be written. */
  sink: 7,
  sigint: 130,
  sigterm: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_CODES_HELP = `
Exit codes:
  0    done, or the reader of stdout is gone      5    the stream ended, or retries used up
  1    unexpected                                 6    something was lost (with --strict)
  2    usage                                      7    stdout, the cursor file or Redis cannot be written
  3    bad config                                 130  SIGINT before the goal
  4    never connected (see --connect-timeout)    143  SIGTERM before the goal`
