/** The name of our meter and tracer. */
export const SCOPE = 'rxjs-atproto'

/** Which names are written: our own, those of the messaging conventions, or both. */
export interface WrittenNames {
  readonly own: boolean
  readonly messaging: boolean
}

/**
 * Reads `OTEL_SEMCONV_STABILITY_OPT_IN`. The messaging conventions are not stable yet, and ask
 * for such a switch: `messaging` writes their names instead of those of before, `messaging/dup`
 * both.
 */
export function writtenNames(optIn: string | undefined): WrittenNames {
  const words = (optIn ?? fromEnvironment()).split(',').map((word) => word.trim())
  const both = words.includes('messaging/dup')
  const messaging = both || words.includes('messaging')
  return { own: both || !messaging, messaging }
}

// A page has no environment.
const fromEnvironment = (): string =>
  typeof process === 'undefined' ? '' : (process.env.OTEL_SEMCONV_STABILITY_OPT_IN ?? '')

/** What both signals say of a stream under the messaging conventions. */
export const messagingAttributes = (
  operation: { readonly name: string; readonly type: string },
  stream: string | undefined,
): Readonly<Record<string, string>> => ({
  'messaging.system': 'atproto',
  'messaging.operation.name': operation.name,
  'messaging.operation.type': operation.type,
  ...(stream === undefined ? {} : { 'messaging.destination.name': stream }),
})
