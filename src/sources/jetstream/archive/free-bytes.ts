/** `transfer` is there since Node 21, and in browsers since 2024. */
interface Transferable extends ArrayBuffer {
  transfer?(length: number): ArrayBuffer
}

/**
 * Frees bytes that nobody needs any more, where they have a buffer of their own. Node cuts small
 * ones out of a pool. `room`: what may follow them in their buffer.
 */
export function freeBytes({ buffer, byteOffset, length }: Uint8Array, room = 0): void {
  const isAlone = byteOffset === 0 && buffer.byteLength - length <= room
  if (isAlone && buffer instanceof ArrayBuffer) (buffer as Transferable).transfer?.(0)
}
