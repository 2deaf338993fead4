export interface Elapsed {
  readonly seconds: number
  /** User and system time of the process, all threads. */
  readonly cpuSeconds: number
}

/** Starts one; what it answers tells the time since. */
export function stopwatch(): () => Elapsed {
  const startedAt = performance.now()
  const cpuAtStart = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(cpuAtStart)
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: (user + system) / 1e6 }
  }
}
