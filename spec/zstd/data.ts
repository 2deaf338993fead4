import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const DATA = resolve(__dirname, '../../../shared/data')

export const hasData = existsSync(DATA)

export const bytesOf = (file: string): Uint8Array => readFileSync(resolve(DATA, file))

export const linesOf = (file: string): readonly string[] => readFileSync(resolve(DATA, file), 'utf8').split('\n').filter(Boolean)

/** The frames of a file that says before each, in four bytes, how long it is. */
export function framesOf(file: string): readonly Uint8Array[] {
  const bytes = readFileSync(resolve(DATA, file))
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) frames.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)))
  return frames
}
