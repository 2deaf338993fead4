/** The exit codes, which the help of the program lists. */
export const EXIT = {
  /** The goal was reached, or the reader of stdout has exited. */
  done: 0,
  unexpected: 1,
  /** The command line cannot be read. */
  usage: 2,
  /** The value of an option is wrong, or what it names does not exist. */
  config: 3,
  neverConnected: 4,
  /** The stream ended: refused permanently, or out of retries. */
  ended: 5,
  /** Something was lost, and `--strict` was given. */
  loss: 6,
  /** Writing to stdout, the cursor file or Redis failed. */
  sink: 7,
  sigint: 130,
  sigterm: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_CODES_HELP = `
Exit codes:
  0    done, or the reader of stdout has exited
  1    unexpected error
  2    usage
  3    bad config
  4    never connected, within --connect-timeout or --for
  5    the stream ended, or out of retries
  6    something was lost (with --strict)
  7    cannot write stdout, cursor file or Redis
  130  SIGINT before the goal
  143  SIGTERM before the goal`
