import type { LogEntry } from './jetstream-log.js'

/** What a client asked for, by its URL or by an options update. */
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
}

/** What the server says of options it does not take; without the server's own prefix. */
export class InvalidOptions extends Error {}

const NSID = /^[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}$/
const DID = /^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$/
const MAX_COLLECTIONS = 100
const MAX_DIDS = 10_000

/** Reads options as the servers do: what ends in `.*` is a raw prefix, everything else must be an NSID; then the limits. */
export function filterOf(wanted: WantedOptions, server: 'legacy' | 'v2'): JetstreamFilter {
  const listed = wanted.wantedCollections.filter((name) => name.endsWith('.*')).map((name) => name.slice(0, -1))
  const prefixes = server === 'v2' ? [...new Set(listed)] : listed
  const names = new Set(wanted.wantedCollections.filter((name) => !name.endsWith('.*')))
  const dids = new Set(wanted.wantedDids)
  checkNames(names, dids, server)
  checkLimits(prefixes.length + names.size, dids.size, server)
  return { prefixes, names, dids, maxMessageSizeBytes: wanted.maxMessageSizeBytes }
}

function checkNames(names: ReadonlySet<string>, dids: ReadonlySet<string>, server: 'legacy' | 'v2'): void {
  for (const name of names) if (!NSID.test(name) || name.length > 317) throw new InvalidOptions(`: invalid collection: ${name}`)
  for (const did of dids) if (!DID.test(did)) throw new InvalidOptions(server === 'v2' ? `: invalid DID: ${did}` : '')
}

function checkLimits(collections: number, dids: number, server: 'legacy' | 'v2'): void {
  const said = (count: string) => (server === 'v2' ? count : '')
  if (dids > MAX_DIDS) throw new InvalidOptions(`: too many wanted DIDs${said(`: ${dids} > ${MAX_DIDS}`)}`)
  if (collections > MAX_COLLECTIONS) throw new InvalidOptions(`: too many wanted collections${said(`: > ${MAX_COLLECTIONS}`)}`)
}

/** Collections are asked of commits only; DIDs and the size of everything. */
export function wants(filter: JetstreamFilter, entry: LogEntry): boolean {
  const { dids, maxMessageSizeBytes } = filter
  if (dids.size > 0 && !dids.has(entry.did)) return false
  if (maxMessageSizeBytes > 0 && entry.end - entry.payload > maxMessageSizeBytes) return false
  return entry.collection === undefined || wantsCollection(filter, entry.collection)
}

function wantsCollection({ names, prefixes }: JetstreamFilter, collection: string): boolean {
  if (names.size === 0 && prefixes.length === 0) return true
  return names.has(collection) || prefixes.some((prefix) => collection.startsWith(prefix))
}
