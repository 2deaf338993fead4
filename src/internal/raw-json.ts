/**
 * The name under which an event has its own JSON, as `JSON.stringify` would write it or as it was
 * received. Only events that cannot be changed have it. A registered symbol, so that other copies
 * of this library find it.
 */
export const RAW_JSON: unique symbol = Symbol.for('rxjs-atproto.raw-json') as never

/** The JSON of a value, without parsing and writing it where it has its own. */
export const jsonOf = (value: unknown): string =>
  (value as { readonly [RAW_JSON]?: string } | null | undefined)?.[RAW_JSON] ??
  JSON.stringify(value)
