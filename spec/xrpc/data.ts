import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SHARED = join(__dirname, '../../../shared')
const DATA = join(SHARED, 'data')
const has = existsSync(DATA)
if (!has) {
  if (process.env.CI === 'true' && existsSync(SHARED)) throw new Error(`${SHARED} is here, but not its data`)
  process.stderr.write('skipped: ../shared/data is not here, so nothing recorded is read\n')
}

/** `describe`, where the recorded data is at hand. */
export const recorded = has ? describe : describe.skip

export const bytesOf = (file: string): Buffer => (has ? readFileSync(join(DATA, file)) : Buffer.alloc(0))

/** A JSON file; `absent` where there is no data. */
export const jsonOf = <T>(file: string, absent: T): T => (has ? (JSON.parse(bytesOf(file).toString('utf8')) as T) : absent)

export const linesOf = (file: string): readonly string[] =>
  bytesOf(file)
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')

/** Frames as `[u32 LE length][frame]`, one after the other. */
export function framesOf(file: string): readonly Uint8Array[] {
  const bytes = bytesOf(file)
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return frames
}
