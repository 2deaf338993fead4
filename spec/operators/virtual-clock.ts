const realImmediate = setImmediate

/** Runs everything that promises have left to do, in real time. */
export const settled = (): Promise<void> => new Promise((resolve) => realImmediate(resolve))

/**
 * Virtual time for what `TestScheduler` cannot run: timers and promises together. For `beforeEach`,
 * with {@link stopClock} after.
 */
export function startClock(): void {
  jest.useFakeTimers({
    now: 1_767_225_600_000,
    doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime'],
  })
}

export function stopClock(): void {
  jest.useRealTimers()
}

/** To the next timer, and through all the promises that it settles. */
export async function step(): Promise<void> {
  jest.advanceTimersToNextTimer()
  await settled()
}

/** `ms` on, timer by timer. */
export async function advance(ms: number): Promise<void> {
  let due = false
  const mark = setTimeout(() => {
    due = true
  }, ms)
  while (!due) await step()
  clearTimeout(mark)
}
