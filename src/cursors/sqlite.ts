import { ConfigError, CursorStoreError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import type { CursorStore } from './cursor-store.js'
import { OWN_STORE, type OwnStore, shortKey } from './load-position.js'
import { StreamKeys, tableName } from './table.js'

/** What is used of a database: that of `node:sqlite`, or of `better-sqlite3`. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): {
    get(...values: readonly string[]): unknown
    run(...values: readonly string[]): unknown
  }
}

/** Where {@link sqliteCursors} keeps positions. */
export interface SqliteCursorsOptions {
  /**
   * The table, which is created if it does not exist.
   * @default 'rxjs_atproto_cursors'
   */
  readonly table?: string | undefined
}

/** Positions in a table of SQLite, which a program can write in a transaction of its own. */
export interface SqliteCursors extends CursorStore {
  /** The database, opened here if its path was given. */
  readonly database: SqliteDatabase
  /**
   * Writes the position that `boundedBatchMap` told, in the transaction that is open on `database`.
   * Throws `CursorStoreError` before a stream has loaded its position, and where several have.
   */
  write(database: SqliteDatabase, position: string): void
  /** Closes a database that was opened here. */
  close(): Promise<void>
}

/**
 * Keeps positions in a table of SQLite, beside the rows of a program: both are then written in one
 * transaction.
 *
 * `database` is one of `node:sqlite` (Node 22.13 or later, 22.5 with `--experimental-sqlite`) or of
 * `better-sqlite3`; or the path of a file, which is opened with `node:sqlite`. Make one store for
 * each stream; they share the table.
 *
 * **Errors**: throws {@link ConfigError} at the call for an option that is not valid, and for a
 * path on a Node without `node:sqlite`. Rejects with `CursorStoreError` for every failure of
 * SQLite.
 *
 * @example
 * ```ts
 * const cursors = sqliteCursors('./index.db')
 * const { database } = cursors
 *
 * jetstream$({ checkpoint: { store: cursors, name: 'indexer', external: true } })
 *   .pipe(
 *     boundedBatchMap(
 *       (events, { position }) => {
 *         database.exec('BEGIN IMMEDIATE')
 *         for (const event of events)
 *           database.prepare('INSERT INTO seen VALUES (?)').run(event.did)
 *         if (position !== undefined) cursors.write(database, position)
 *         database.exec('COMMIT')
 *         return []
 *       },
 *       { size: 500, maxWaitMs: 200 },
 *     ),
 *   )
 *   .subscribe()
 * ```
 */
export function sqliteCursors(
  database: SqliteDatabase | string,
  { table = 'rxjs_atproto_cursors' }: SqliteCursorsOptions = {},
): SqliteCursors {
  const name = tableName('sqliteCursors', table)
  const isPath = typeof database === 'string'
  const db = isPath ? opened(database) : checked(database)
  const keys = new StreamKeys()
  let isCreated = false
  const create = () => {
    if (isCreated) return
    db.exec(`CREATE TABLE IF NOT EXISTS ${name} (stream TEXT PRIMARY KEY, position TEXT NOT NULL)`)
    isCreated = true
  }
  const upsert =
    `INSERT INTO ${name} (stream, position) VALUES (?, ?) ` +
    'ON CONFLICT (stream) DO UPDATE SET position = excluded.position'
  const attempt = async <T>(verb: string, key: string, body: () => T): Promise<T> => {
    try {
      create()
      return body()
    } catch (cause) {
      const text = `could not ${verb} the position of ${shortKey(key)}: ${messageOf(cause)}`
      throw new CursorStoreError(text, { cause })
    }
  }
  const store: SqliteCursors & OwnStore = {
    database: db,
    load: (key) =>
      attempt('load', key, () => {
        const select = db.prepare(`SELECT position FROM ${name} WHERE stream = ?`)
        for (const one of keys.loading(key)) {
          const row = select.get(one) as { readonly position: string } | undefined
          if (row !== undefined) return row.position
        }
        return undefined
      }),
    save: (key, position) =>
      attempt('save', key, () => {
        db.prepare(upsert).run(key, position)
      }),
    write: (target, position) => {
      const key = keys.only
      target.prepare(upsert).run(key, position)
    },
    close: async () => {
      if (isPath) (db as SqliteDatabase & { close(): void }).close()
    },
    [OWN_STORE]: { rename: (key, formerKey) => keys.rename(key, formerKey) },
  }
  return store
}

function checked(database: SqliteDatabase): SqliteDatabase {
  const isOne =
    typeof database === 'object' &&
    database !== null &&
    ['exec', 'prepare'].every((method) => typeof Reflect.get(database, method) === 'function')
  if (isOne) return database
  throw new ConfigError('sqliteCursors', [
    {
      option: 'database',
      message: 'must be a database of node:sqlite or better-sqlite3, or the path of a file',
    },
  ])
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => SqliteDatabase
}

/** Not imported: that would fail on a Node without it, also for a program that has its own. */
function opened(path: string): SqliteDatabase {
  const { getBuiltinModule } = process as {
    getBuiltinModule?: (name: string) => NodeSqlite | undefined
  }
  const sqlite = getBuiltinModule?.('node:sqlite')
  if (sqlite !== undefined) return new sqlite.DatabaseSync(path)
  throw new ConfigError('sqliteCursors', [
    {
      option: 'database',
      message:
        'is a path, which needs node:sqlite of Node 22.5 or later, and this is ' +
        `${process.version}; ` +
        'pass a database of better-sqlite3',
    },
  ])
}
