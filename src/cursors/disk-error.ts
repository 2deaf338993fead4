import { CursorStoreError } from '../errors.js'

/** Runs `work`; an error of the disk gets the path, the code and a remedy. */
export async function attempt<T>(
  verb: string,
  path: string,
  work: () => T | Promise<T>,
): Promise<Awaited<T>> {
  try {
    return await work()
  } catch (error) {
    throw diskError(verb, path, error)
  }
}

export function diskError(verb: string, path: string, cause: unknown): CursorStoreError {
  if (cause instanceof CursorStoreError) return cause
  const code = codeOf(cause)
  const remedy = REMEDIES[code ?? ''] ?? 'see the `cause`'
  return new CursorStoreError(
    `cannot ${verb} the cursor file ${path} (${code ?? 'unknown error'}): ${remedy}`,
    { cause },
  )
}

/** The code of a system error, such as `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'let this user write the file and its folder',
  EBUSY: 'close the program that has it open',
  EDQUOT: 'raise the quota or free space; the old position is intact',
  EFBIG: 'raise the limit on file sizes; the old position is intact',
  EISDIR: 'give the path of a file, and remove a folder of that name',
  ELOOP: 'the links form a cycle',
  ENOENT: 'create its folder, or mount the volume it is on',
  ENOSPC: 'free space on the disk; the old position is intact',
  ENOTDIR: 'a part of the path is a file; give a path through folders',
  EPERM: 'let this user write the file and its folder',
  EROFS: 'the disk is read-only; mount it for writing or choose another path',
}
