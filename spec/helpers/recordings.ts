import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// Part of the repository: recorded from servers on loopback, with made-up accounts. Its README says
// how.
const FIXTURES = join(__dirname, '../fixtures')
// Optional: recorded in public, or published by others. A clone does not have it.
const PUBLIC = process.env.RECORDINGS ?? join(__dirname, '../../../shared/data')

const pathOf = (file: string): string | undefined =>
  [FIXTURES, PUBLIC].map((folder) => join(folder, file)).find((path) => existsSync(path))

/**
 * Those of these files that are at hand. The others are named once on stderr, since a spec reads
 * less without them.
 */
export function present<F extends string>(...files: readonly F[]): readonly F[] {
  const absent = files.filter((file) => pathOf(file) === undefined)
  if (absent.length > 0)
    process.stderr.write(`not read, since it is not here: ${absent.join(', ')}\n`)
  return files.filter((file) => !absent.includes(file))
}

/** `describe`, or one skipped spec that names what is absent. */
export function describeWith(files: readonly string[], name: string, body: () => void): void {
  if (present(...files).length === files.length) describe(name, body)
  else describe(name, () => it.skip(`(needs ${files.join(', ')})`, () => undefined))
}

/** `it`, or a skipped spec that names what is absent. */
export function itWith(files: readonly string[], name: string, body: jest.ProvidesCallback): void {
  if (present(...files).length === files.length) it(name, body)
  else it.skip(`${name} (needs ${files.join(', ')})`, () => undefined)
}

/** The path of a recording that is part of the repository. */
export const fixturePath = (file: string): string => join(FIXTURES, file)

export function bytesOf(file: string): Buffer {
  const path = pathOf(file)
  if (path === undefined) throw new Error(`there is no recording ${file}`)
  return readFileSync(path)
}

export const jsonOf = <T>(file: string): T => JSON.parse(bytesOf(file).toString()) as T

export const linesOf = (file: string): readonly string[] =>
  bytesOf(file)
    .toString()
    .split('\n')
    .filter((line) => line.trim() !== '')

/** The frames of a file that has `[u32 LE length][frame]`, one after the other. */
export function framesOf(file: string): readonly Uint8Array[] {
  const bytes = bytesOf(file)
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at)
    frames.push(bytes.subarray(at + 4, end))
    at = end
  }
  return frames
}
