/** The message of a thrown value, whatever its type. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Why a `fetch` failed: its own message is only "fetch failed", its `cause` has the reason. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as {
    message?: string
    cause?: { message?: string; code?: string }
  }
  return cause?.message || cause?.code || message || String(error)
}
