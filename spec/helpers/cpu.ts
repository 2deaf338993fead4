/**
 * Milliseconds of work that this process has done: a machine that is busy with others makes nothing
 * slow.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
