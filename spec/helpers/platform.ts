/** Runs `work` as if the system were another one. */
export function onPlatform<T>(platform: NodeJS.Platform, work: () => T): T {
  const own = Object.getOwnPropertyDescriptor(process, 'platform')
  const restore = () => Object.defineProperty(process, 'platform', own ?? {})
  Object.defineProperty(process, 'platform', { ...own, value: platform })
  try {
    const result = work()
    if (!(result instanceof Promise)) restore()
    return result instanceof Promise ? (result.finally(restore) as T) : result
  } catch (error) {
    restore()
    throw error
  }
}
