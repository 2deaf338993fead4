/**
 * Makes a question to be asked again and again: whether what is counted has been the same for so
 * long. The first call starts the time.
 */
export function standstill(afterMs: number): (count: number) => boolean {
  let last: number | undefined
  let changedAt = 0
  return (count) => {
    if (count !== last) changedAt = performance.now()
    last = count
    return performance.now() - changedAt > afterMs
  }
}
