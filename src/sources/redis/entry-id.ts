/**
 * A stream's entries are numbered by two u64: `<milliseconds>-<n>`. What `toRedisStream` writes has
 * a position there, above 2^53 times its epoch.
 */
export function placeOf(id: string): { readonly position: number; readonly index: number } {
  const dash = id.indexOf('-')
  // Only ids above 2^53 need more than a number.
  const position =
    dash < 16 ? Number(id.slice(0, dash)) : Number(BigInt.asUintN(53, BigInt(id.slice(0, dash))))
  return { position, index: Number(id.slice(dash + 1)) }
}
