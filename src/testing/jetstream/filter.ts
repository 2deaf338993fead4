import type { JetstreamRow } from './log.js'

/** The options of a client on wire v1, from its URL or an options update. */
export interface WantedOptions {
  readonly wantedCollections: readonly string[]
  readonly wantedDids: readonly string[]
  readonly maxMessageSizeBytes: number
}

export interface JetstreamFilter {
  readonly prefixes: readonly string[]
  readonly names: ReadonlySet<string>
  readonly dids: ReadonlySet<string>
  readonly maxMessageSizeBytes: number
  /** Wire v2 only. Empty: all kinds. */
  readonly kinds: ReadonlySet<string>
}

/** The options of a client on wire v2, from its URL. */
export interface V2Options {
  readonly kinds: readonly string[]
  readonly collections: readonly string[]
  readonly dids: readonly string[]
  readonly sizes: readonly string[]
}

/** The server's message for options it refuses, without the prefix. */
export class InvalidOptions extends Error {}

const LABEL = '[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
/** The first label begins with a letter. */
const NSID = new RegExp(`^(?=[a-zA-Z])${LABEL}(\\.${LABEL})+\\.[a-zA-Z][a-zA-Z0-9]{0,62}$`)
const DID = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/
const MAX_COLLECTIONS = 100
const MAX_DIDS = 10_000

/**
 * Checks options as the servers do: a name that ends in `.*` is a raw prefix, any other must be an
 * NSID. The limits come after that.
 */
export function filterOf(wanted: WantedOptions, server: 'legacy' | 'v2'): JetstreamFilter {
  const listed = wanted.wantedCollections
    .filter((name) => name.endsWith('.*'))
    .map((name) => name.slice(0, -1))
  const prefixes = server === 'v2' ? [...new Set(listed)] : listed
  const names = new Set(wanted.wantedCollections.filter((name) => !name.endsWith('.*')))
  const dids = new Set(wanted.wantedDids)
  checkNames(names, dids, server)
  checkLimits(prefixes.length + names.size, dids.size, server)
  return {
    prefixes,
    names,
    dids,
    maxMessageSizeBytes: wanted.maxMessageSizeBytes,
    kinds: new Set(),
  }
}

const KINDS = ['commit', 'identity', 'account', 'sync']
const MAX_SIZE = 2 ** 32 - 1

/** Checks options as wire v2 does: strictly, and counted before duplicates are removed. */
export function eventsFilterOf({ kinds, collections, dids, sizes }: V2Options): JetstreamFilter {
  checkCount('kinds', kinds, KINDS.length)
  checkCount('collections', collections, MAX_COLLECTIONS)
  checkCount('dids', dids, MAX_DIDS)
  for (const kind of kinds) {
    if (!KINDS.includes(kind))
      throw new InvalidOptions(`unknown kind ${JSON.stringify(kind)} (valid: ${KINDS.join(', ')})`)
  }
  for (const collection of collections) checkCollection(collection)
  for (const did of dids) if (!DID.test(did)) throw new InvalidOptions(`invalid DID: ${did}`)
  if (collections.length > 0 && kinds.length > 0 && !kinds.includes('commit'))
    throw new InvalidOptions('collections filter can never apply: kinds excludes commit')
  const prefixes = [...new Set(collections.filter(isPrefix).map((name) => name.slice(0, -1)))]
  const names = new Set(collections.filter((name) => !isPrefix(name)))
  return {
    prefixes,
    names,
    dids: new Set(dids),
    maxMessageSizeBytes: sizeOf(sizes),
    kinds: new Set(kinds),
  }
}

const isPrefix = (name: string): boolean => name.endsWith('.*')

function checkCount(what: string, values: readonly string[], most: number): void {
  if (values.length > most)
    throw new InvalidOptions(`too many ${what} values: ${values.length} > ${most}`)
}

function checkCollection(name: string): void {
  // The part before the star must begin an NSID: at least two labels.
  if (isPrefix(name) && !NSID.test(name.replace(/\*$/, 'x')))
    throw new InvalidOptions(`invalid collection wildcard: ${name}`)
  if (!isPrefix(name) && !NSID.test(name)) throw new InvalidOptions(`invalid collection: ${name}`)
}

function sizeOf(sizes: readonly string[]): number {
  const [size] = sizes
  if (size === undefined) return 0
  if (size === '' || sizes.length > 1)
    throw new InvalidOptions('maxMessageSizeBytes must be one unsigned 32-bit integer')
  if (!/^\d+$/.test(size) || Number(size) > MAX_SIZE)
    throw new InvalidOptions(`invalid maxMessageSizeBytes ${JSON.stringify(size)}`)
  return Number(size)
}

function checkNames(
  names: ReadonlySet<string>,
  dids: ReadonlySet<string>,
  server: 'legacy' | 'v2',
): void {
  for (const name of names)
    if (!NSID.test(name) || name.length > 317)
      throw new InvalidOptions(`: invalid collection: ${name}`)
  for (const did of dids)
    if (!DID.test(did)) throw new InvalidOptions(server === 'v2' ? `: invalid DID: ${did}` : '')
}

function checkLimits(collections: number, dids: number, server: 'legacy' | 'v2'): void {
  const said = (count: string) => (server === 'v2' ? count : '')
  if (dids > MAX_DIDS)
    throw new InvalidOptions(`: too many wanted DIDs${said(`: ${dids} > ${MAX_DIDS}`)}`)
  if (collections > MAX_COLLECTIONS)
    throw new InvalidOptions(`: too many wanted collections${said(`: > ${MAX_COLLECTIONS}`)}`)
}

/** Collections filter commits only; kinds and DIDs filter every event. */
export function wants(filter: JetstreamFilter, row: JetstreamRow): boolean {
  const { dids, kinds } = filter
  if (dids.size > 0 && !dids.has(row.did)) return false
  if (kinds.size > 0 && row.kind !== undefined && !kinds.has(row.kind)) return false
  return row.collection === undefined || wantsCollection(filter, row.collection)
}

function wantsCollection({ names, prefixes }: JetstreamFilter, collection: string): boolean {
  if (names.size === 0 && prefixes.length === 0) return true
  return names.has(collection) || prefixes.some((prefix) => collection.startsWith(prefix))
}
