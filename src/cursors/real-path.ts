import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf, diskError } from './disk-error.js'

/**
 * Follows links, because a rename would replace the link and not the file. Synchronous, so that
 * calls keep their order.
 */
export function realPath(path: string): string {
  try {
    return followLinks(path)
  } catch (error) {
    throw diskError('find', path, error)
  }
}

function followLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  // The file need not exist yet, but its folder must. The path may be a link to the future file.
  const real = join(realpathSync(dirname(path)), basename(path))
  const target = linkTarget(real)
  return target === undefined ? real : followLinks(resolve(dirname(real), target))
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
