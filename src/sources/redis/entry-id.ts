/** A stream's entries are numbered by two u64: `<milliseconds>-<n>`. What `toRedisStream` writes has a position there, above 2^53 times its epoch. */
export function placeOf(id: string): { readonly position: number; readonly index: number } {
  const [head = '', tail = '0'] = id.split('-')
  // Only ids above 2^53 need more than a number.
  const position = head.length < 16 ? Number(head) : Number(BigInt.asUintN(53, BigInt(head)))
  return { position, index: Number(tail) }
}
