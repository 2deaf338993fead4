import { createClient } from '@redis/client'
import type { CommitEvent, CursorStore, JetstreamConfig, JetstreamEvent } from '../../src/index.js'

/**
 * What the examples of the docs take for granted: a program's own services. Free names there are
 * these, and no others.
 */

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const config: JetstreamConfig = { collections: ['app.bsky.feed.post', 'app.bsky.graph.*'] }
export const posts = { apply: (_event: JetstreamEvent) => later() }
export const graph = { apply: (_event: JetstreamEvent) => later() }
export const accounts = { apply: (_event: JetstreamEvent) => later() }
export const letters = { add: (_event: JetstreamEvent, _error: unknown) => later() }
export const table = { insert: (_events: readonly JetstreamEvent[]) => later() }
export const index = (_event: object) => later()
export const adminPassword = 'secret'
export const ingestors = { 'app.bsky.feed.post': index }
export const worker = {
  post: (_event: JetstreamEvent, done: () => void): void => void setImmediate(done),
}
export const showLag = (_lagMs: number | undefined): void => {}
export const handlerOf = (_collection: string) => (event: CommitEvent) => later().then(() => event)

const rows = new Map<string, string>()
/** A client of a database, as its users see it. */
export const database = {
  find: async (key: string): Promise<{ readonly position: string } | undefined> =>
    rows.has(key) ? { position: rows.get(key) ?? '' } : undefined,
  upsert: async (key: string, position: string): Promise<void> => {
    rows.set(key, position)
  },
}
/** A store of somebody's own. */
const query = async (_text: string, _values?: readonly string[]) => ({
  rows: [] as readonly unknown[],
})
export const pool = { ...database, query, connect: async () => ({ query, release: () => {} }) }
export const postgresCursorStore = (
  client: typeof pool,
  { table: name }: { readonly table: string },
): CursorStore => ({
  load: async (key) => (await client.find(`${name} ${key}`))?.position,
  save: (key, position) => client.upsert(`${name} ${key}`, position),
})

/** A client of Redis, which a program connects before it uses it. */
export const redis = createClient()
export { hostname } from 'node:os'
