import { deepStrictEqual } from 'node:assert'
import { inspect } from 'node:util'
import { type RunHelpers, TestScheduler } from 'rxjs/testing'

/**
 * The body of a test in virtual time, with RxJS's marble helpers. The function returned takes no
 * arguments, since Jest would take a parameter for its `done`.
 *
 * **Errors**: what differs is thrown after `body`, with both sides listed frame by frame.
 *
 * @example
 * it('doubles', marbles(({ cold, expectObservable }) => {
 *   const source = cold('  a-b|', { a: 1, b: 2 })
 *   expectObservable(source.pipe(map((n) => n * 2))).toBe('a-b|', { a: 2, b: 4 })
 * }))
 */
export function marbles(body: (helpers: RunHelpers) => void): () => void {
  return () => {
    new TestScheduler(compare).run((helpers) => body(helpers))
  }
}

function compare(actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected)
  } catch {
    // A plain error: a runner prints an AssertionError its own way, and the marbles drown in it.
    throw new Error(
      `the marbles differ\n\nactual\n${lines(actual)}\n\nexpected\n${lines(expected)}`,
    )
  }
}

function lines(side: unknown): string {
  if (!Array.isArray(side)) return `  ${inspect(side)}`
  return side.length === 0 ? '  (nothing)' : side.map((message) => `  ${line(message)}`).join('\n')
}

/**
 * A subscription log has `subscribedFrame`, an emission `frame` and `notification`; both come
 * untyped from the scheduler.
 */
function line(message: unknown): string {
  const { frame, notification } = message as {
    frame?: number
    notification?: { kind: string; value?: unknown; error?: unknown }
  }
  if (notification === undefined) return inspect(message, { breakLength: Number.POSITIVE_INFINITY })
  return `${String(frame).padStart(6)}  ${said(notification)}`
}

function said({ kind, value, error }: { kind: string; value?: unknown; error?: unknown }): string {
  if (kind === 'C') return '|'
  const shown = inspect(kind === 'N' ? value : error, {
    depth: 6,
    breakLength: Number.POSITIVE_INFINITY,
  })
  return kind === 'N'
    ? shown
    : `# ${error instanceof Error ? `${error.name}: ${error.message}` : shown}`
}
