/**
 * Returns the first `max` bytes of a response, and whether there are more. The rest is not read:
 * the server chooses how long a response is, and whether it ends.
 */
export async function readBody(
  { body }: Pick<Response, 'body'>,
  max: number,
): Promise<{ readonly bytes: Uint8Array; readonly rest: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = body?.getReader()
  for (
    let chunk = await reader?.read();
    chunk !== undefined && !chunk.done;
    chunk = await reader?.read()
  ) {
    chunks.push(chunk.value)
    size += chunk.value.length
    if (size <= max) continue
    // Not awaited: the promise may stay pending until the server ends the response.
    reader?.cancel().catch(() => {})
    break
  }
  return { bytes: joined(chunks, Math.min(size, max)), rest: size > max }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk.subarray(0, size - at), at)
    at += Math.min(chunk.length, size - at)
  }
  return bytes
}
