import { ConfigError, ConnectError, CursorStoreError } from '../errors.js'
import { messageOf } from '../internal/message-of.js'
import type { CursorStore } from './cursor-store.js'
import { OWN_STORE, type OwnStore, shortKey } from './load-position.js'
import { type NewestWins, newestWins } from './newest-wins.js'
import { StreamKeys, tableName } from './table.js'

/** What is used of a client: a `Pool` or a `Client` of `pg`, or one of the same shape. */
export interface PostgresClient {
  query(
    text: string,
    values?: readonly string[],
  ): PromiseLike<{ readonly rows: readonly unknown[] }>
}

/** Where {@link postgresCursors} keeps positions. */
export interface PostgresCursorsOptions {
  /**
   * The table, with a schema if you like, which is created if it does not exist.
   * @default 'rxjs_atproto_cursors'
   */
  readonly table?: string | undefined
}

/** Positions in a table of Postgres, which a program can write in a transaction of its own. */
export interface PostgresCursors extends CursorStore {
  /**
   * Writes the position that `boundedBatchMap` told, in the transaction that is open on `client`.
   * Rejects with `CursorStoreError` before a stream has loaded its position, and where several
   * have; with the client's error for a failure of Postgres.
   */
  write(client: PostgresClient, position: string): Promise<void>
}

/**
 * Keeps positions in a table of Postgres, beside the rows of a program: both are then written in
 * one transaction.
 *
 * `client` is a `Pool` or a `Client` of `pg`, and yours to close. The store loads with it; write
 * with the client of the transaction. Make one store for each stream; they share the table.
 *
 * **Errors**: throws {@link ConfigError} at the call for an option that is not valid. Rejects with
 * `CursorStoreError`: caused by a retryable error while Postgres cannot be reached or starts, so
 * that the stream waits for it.
 *
 * @example
 * ```ts
 * const cursors = postgresCursors(pool)
 * const client = await pool.connect()
 *
 * jetstream$({ checkpoint: { store: cursors, name: 'indexer', external: true } })
 *   .pipe(
 *     boundedBatchMap(
 *       async (events, { position }) => {
 *         await client.query('BEGIN')
 *         for (const event of events)
 *           await client.query('INSERT INTO seen VALUES ($1)', [event.did])
 *         if (position !== undefined) await cursors.write(client, position)
 *         await client.query('COMMIT')
 *       },
 *       { size: 500, maxWaitMs: 200 },
 *     ),
 *   )
 *   .subscribe()
 * ```
 */
export function postgresCursors(
  client: PostgresClient,
  { table = 'rxjs_atproto_cursors' }: PostgresCursorsOptions = {},
): PostgresCursors {
  const name = tableName('postgresCursors', table)
  if (typeof (client as Partial<PostgresClient> | undefined)?.query !== 'function')
    throw new ConfigError('postgresCursors', [
      { option: 'client', message: 'must be a client or a pool of pg: an object with `query`' },
    ])
  return new PostgresStore(client, name)
}

class PostgresStore implements PostgresCursors, OwnStore {
  readonly #keys = new StreamKeys()
  readonly #writers = new Map<string, NewestWins<string>>()
  #created: Promise<void> | undefined

  constructor(
    private readonly client: PostgresClient,
    private readonly table: string,
  ) {}

  readonly [OWN_STORE] = {
    rename: (key: string, formerKey: string): void => this.#keys.rename(key, formerKey),
  }

  async load(key: string): Promise<string | undefined> {
    await this.#writers.get(key)?.idle()
    return this.#attempt('load', key, async () => {
      for (const one of this.#keys.loading(key)) {
        const select = `SELECT position FROM ${this.table} WHERE stream = $1`
        const { rows } = await this.client.query(select, [one])
        const [row] = rows as readonly { readonly position: string }[]
        if (row !== undefined) return row.position
      }
      return undefined
    })
  }

  save(key: string, position: string): Promise<void> {
    const writer =
      this.#writers.get(key) ??
      newestWins((newest: string) =>
        this.#attempt('save', key, () => this.#upsert(this.client, key, newest)),
      )
    this.#writers.set(key, writer)
    return writer.push(position)
  }

  async write(client: PostgresClient, position: string): Promise<void> {
    await this.#upsert(client, this.#keys.only, position)
  }

  async #upsert(client: PostgresClient, key: string, position: string): Promise<void> {
    await client.query(
      `INSERT INTO ${this.table} (stream, position) VALUES ($1, $2) ` +
        'ON CONFLICT (stream) DO UPDATE SET position = excluded.position',
      [key, position],
    )
  }

  async #attempt<T>(verb: string, key: string, body: () => Promise<T>): Promise<T> {
    try {
      await this.#create()
      return await body()
    } catch (error) {
      const text = `could not ${verb} the position of ${shortKey(key)}: ${messageOf(error)}`
      throw new CursorStoreError(text, { cause: causeOf(error) })
    }
  }

  async #create(): Promise<void> {
    this.#created ??= createTable(this.client, this.table)
    try {
      await this.#created
    } catch (error) {
      this.#created = undefined
      throw error
    }
  }
}

// unique_violation, duplicate_table and duplicate_object: it depends on how far the other one was.
const MADE_MEANWHILE: ReadonlySet<string> = new Set(['23505', '42P07', '42710'])

/** Two programs that start together may both find no table, and one of them fails to create it. */
async function createTable(client: PostgresClient, name: string): Promise<void> {
  const columns = '(stream text PRIMARY KEY, position text NOT NULL)'
  const create = `CREATE TABLE IF NOT EXISTS ${name} ${columns}`
  try {
    await client.query(create)
  } catch (error) {
    if (!MADE_MEANWHILE.has(codeOf(error))) throw error
  }
}

const codeOf = (error: unknown): string =>
  String((error as { readonly code?: unknown } | null | undefined)?.code ?? '')

// Errors of a connection (class 08), too many connections, a server that stops or starts.
const PASSING = /^(08\w{3}|53300|57P0[123]|ECONN\w+|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST\w+)$/

/** A failure that will pass, as one that the stream waits for. */
function causeOf(error: unknown): unknown {
  const { syscall } = (error ?? {}) as { readonly syscall?: unknown }
  const isPassing =
    // Of a socket file too, which is not there until the server is.
    syscall === 'connect' ||
    PASSING.test(codeOf(error)) ||
    /Connection terminated/.test(messageOf(error))
  return isPassing ? new ConnectError(messageOf(error), { cause: error }) : error
}
