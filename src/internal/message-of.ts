/** What an error says; anything can be thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** What a failed `fetch` says: its own message is "fetch failed", and the reason is its cause. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as {
    message?: string
    cause?: { message?: string; code?: string }
  }
  return cause?.message || cause?.code || message || String(error)
}
