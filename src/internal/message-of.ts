/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** The reason of a failed `fetch`: its own message is "fetch failed", the reason is its cause. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as {
    message?: string
    cause?: { message?: string; code?: string }
  }
  return cause?.message || cause?.code || message || String(error)
}
