import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { env, platform } from 'node:process'
import { fileURLToPath } from 'node:url'
import { DictionaryError } from '../../errors.js'
import {
  checkedDictionary,
  type DictionaryOptions,
  type DictionarySource,
  fetchDictionary,
  MAX_DICTIONARY_BYTES,
} from './dictionary.js'

export interface NodeDictionaryOptions extends DictionaryOptions {
  /**
   * Where dictionaries are kept.
   * @default `rxjs-atproto` in the user's cache folder
   */
  readonly cacheFolder?: string
}

/**
 * Loads a dictionary and checks it. One from a URL whose SHA-256 is known is fetched once and then
 * kept on disk. Rejects as {@link fetchDictionary} does if it cannot be loaded.
 */
export async function loadDictionary(
  source: DictionarySource,
  options: NodeDictionaryOptions = {},
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return checkedDictionary(source, options)
  const urls = urlsOf(source)
  if (typeof urls === 'string') return checkedDictionary(await readDictionary(urls), options)
  if (options.sha256 === undefined) return fetchDictionary(urls, options)
  const path = join(options.cacheFolder ?? cacheFolder(), `${options.sha256.toLowerCase()}.zdict`)
  return (await cached(path, options)) ?? keep(path, await fetchDictionary(urls, options))
}

/** The cache folder of the user who runs the process, by the system's convention. */
export function cacheFolder(system: string = platform, variables: NodeJS.ProcessEnv = env): string {
  return join(cacheRoot(system, variables), 'rxjs-atproto')
}

function cacheRoot(system: string, { LOCALAPPDATA, XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  if (system === 'win32') return LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
  if (system === 'darwin') return join(homedir(), 'Library', 'Caches')
  return XDG_CACHE_HOME || join(homedir(), '.cache')
}

/** The URLs to try, or the path of a file. A drive letter is no scheme. */
function urlsOf(source: URL | string | readonly URL[]): readonly URL[] | string {
  if (typeof source === 'string')
    return /^(https?|file):\/\//i.test(source) ? urlsOf(new URL(source)) : source
  if (!(source instanceof URL)) return source
  return source.protocol === 'file:' ? fileURLToPath(source) : [source]
}

async function readDictionary(path: string): Promise<Uint8Array> {
  try {
    // Reading a device or a pipe might never end.
    const found = await stat(path)
    if (!found.isFile()) throw new Error('it is no file')
    if (found.size > MAX_DICTIONARY_BYTES)
      throw new RangeError(
        `it has ${found.size} bytes, a dictionary at most ${MAX_DICTIONARY_BYTES}`,
      )
    return await readFile(path)
  } catch (error) {
    throw new DictionaryError(
      `the dictionary cannot be read from ${path}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/** Returns `undefined` for a damaged file too: it is then fetched again and replaced. */
async function cached(path: string, options: DictionaryOptions): Promise<Uint8Array | undefined> {
  try {
    return await checkedDictionary(await readDictionary(path), options)
  } catch {
    return undefined
  }
}

/**
 * Writes the file atomically, since another process may be reading it. If the folder cannot be
 * written, the next process downloads it again.
 */
async function keep(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const draft = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(draft, 'wx')
    await file.writeFile(bytes).finally(() => file.close())
    await rename(draft, path)
  } catch {
    await rm(draft, { force: true }).catch(() => {})
  }
  return bytes
}
