import { lastValueFrom, take } from 'rxjs'
import { boundedBatchMap, jetstream$ } from 'rxjs-atproto'
import { type PostgresClient, postgresCursors } from 'rxjs-atproto/cursors/postgres'
import { describeCursorStore, fakeJetstream } from 'rxjs-atproto/testing'
import { willPass } from '../../src/delivery/checkpoint.js'
import { ConfigError, CursorStoreError } from '../../src/errors.js'
import { describePostgres, type Pool, PostgresServer } from '../helpers/postgres-server.js'
import { first } from '../helpers/streams.js'

const silent = { query: async () => ({ rows: [] }) }

describe('postgresCursors', () => {
  it.each([
    ['a client', () => postgresCursors({} as never), /`client` must be a client or a pool/],
    ['a table', () => postgresCursors(silent, { table: 'a; DROP TABLE b' }), /`table` must be/],
  ])('refuses what is not %s at the call', (_, call, message) => {
    expect(call).toThrow(ConfigError)
    expect(call).toThrow(message)
  })

  it('writes the position of the one stream that has loaded, and knows no other', async () => {
    const queries: (readonly string[] | undefined)[] = []
    const client = {
      query: async (_text: string, values?: readonly string[]) => {
        queries.push(values)
        return { rows: [] }
      },
    }
    const cursors = postgresCursors(client)
    await expect(cursors.write(client, 'one')).rejects.toThrow(/no stream has loaded/)
    await cursors.load('a')
    await cursors.write(client, 'one')
    expect(queries.at(-1)).toEqual(['a', 'one'])
    await cursors.load('b')
    await expect(cursors.write(client, 'two')).rejects.toThrow(/"a" and "b"/)
    await expect(cursors.write(client, 'two')).rejects.toThrow(CursorStoreError)
  })

  it.each([
    ['ECONNREFUSED', true],
    ['57P03', true],
    ['08006', true],
    ['42501', false],
    ['', false],
  ])('calls the failure %s one that will pass: %s', async (code, isPassing) => {
    const query = () => Promise.reject(Object.assign(new Error('failed'), { code }))
    const error = await postgresCursors({ query })
      .load('a')
      .then(undefined, (failed) => failed)
    expect(error).toBeInstanceOf(CursorStoreError)
    expect(error.message).toBe('could not load the position of "a": failed')
    expect(willPass(error)).toBe(isPassing)
  })
})

describePostgres('postgresCursors in a Postgres', () => {
  let server: PostgresServer
  let pool: Pool
  beforeAll(async () => {
    server = await new PostgresServer().start()
    pool = server.pool()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  describeCursorStore('postgresCursors', (place) => postgresCursors(pool, { table: place }))

  it('creates its table once where several programs start together', async () => {
    const stores = Array.from({ length: 8 }, () =>
      postgresCursors(server.pool(), { table: 'together' }),
    )
    expect(await Promise.all(stores.map((store) => store.load('a')))).toEqual(
      Array.from({ length: 8 }, () => undefined),
    )
  })

  it('has rows and position in one transaction: what is rolled back is read again', async () => {
    await pool.query('CREATE TABLE seen (id serial, did text)')
    await using jetstream = await fakeJetstream({ events: 100, stored: 'all' })
    const config = { host: jetstream.url, cursor: 'oldest', log: false } as const
    let batches = 0
    const commit = async (
      events: readonly { readonly did: string }[],
      write: (client: PostgresClient) => Promise<void> | undefined,
      ends: 'COMMIT' | 'ROLLBACK',
    ) => {
      const client = await pool.connect()
      await client.query('BEGIN')
      for (const { did } of events) await client.query('INSERT INTO seen (did) VALUES ($1)', [did])
      await write(client)
      await client.query(ends)
      client.release()
      if (ends === 'ROLLBACK') throw new Error('rolled back')
    }
    const run = (rollsBack: boolean) => {
      const cursors = postgresCursors(pool)
      const checkpoint = { store: cursors, name: 'indexer', external: true }
      const work = boundedBatchMap<{ readonly did: string }, void>(
        (events, { position }) => {
          batches += 1
          const write = (client: PostgresClient) =>
            position === undefined ? undefined : cursors.write(client, position)
          return commit(events, write, rollsBack && batches === 3 ? 'ROLLBACK' : 'COMMIT')
        },
        { size: 10, maxWaitMs: 20 },
      )
      const run$ = jetstream$({ ...config, checkpoint }).pipe(work, take(8))
      return lastValueFrom(run$, { defaultValue: undefined })
    }
    await expect(run(true)).rejects.toThrow('rolled back')
    await run(false)
    const { rows } = await pool.query('SELECT did FROM seen ORDER BY id')
    const dids = (rows as readonly { did: string }[]).map(({ did }) => did)
    expect(dids).toEqual((await first(100, jetstream$(config))).map(({ did }) => did))
  })

  it('waits for a server that starts again, and finds the position', async () => {
    const cursors = postgresCursors(pool, { table: 'again' })
    await cursors.save('a', 'one')
    await server.stop()
    const failed = await cursors.load('a').then(undefined, (error: unknown) => error)
    expect(willPass(failed)).toBe(true)
    await server.start()
    expect(await cursors.load('a')).toBe('one')
  })
})
