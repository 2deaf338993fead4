/** What both races of this bench are told by the command line. */
export interface Race {
  /** Entries that are timed. */
  readonly entries: number
  /** Entries before these. */
  readonly warmup: number
  readonly rounds: number
  /** Takes the lines whose name contains it. */
  readonly only: string
  /** Whether each contender leaves a profile. */
  readonly profile: boolean
}

export const profiling = (profile: boolean, name: string): readonly string[] =>
  profile
    ? [
        '--cpu-prof',
        '--cpu-prof-dir=.tmp/profiles',
        `--cpu-prof-name=${name.replaceAll(/[^a-zA-Z0-9]+/g, '-')}.cpuprofile`,
      ]
    : []

export function fail(failure: string): void {
  console.error(`FAILED: ${failure}`)
  process.exitCode = 1
}
