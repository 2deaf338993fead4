import { type SqliteDatabase, sqliteCursors } from 'rxjs-atproto/cursors/sqlite'
import { describeCursorStore } from 'rxjs-atproto/testing'
import { ConfigError, CursorStoreError } from '../../src/errors.js'

/** The statements of the store, over maps: a real SQLite is in `scripts/effect-once.mjs`. */
class FakeSqlite implements SqliteDatabase {
  static readonly places = new Map<string, Map<string, string>>()
  readonly tables = new Set<string>()

  exec(sql: string): void {
    const [, table = ''] = /^CREATE TABLE IF NOT EXISTS (\S+) \(stream TEXT/.exec(sql) ?? []
    this.tables.add(table)
    if (!FakeSqlite.places.has(table)) FakeSqlite.places.set(table, new Map())
  }

  prepare(sql: string) {
    const [, table = ''] = /(?:INTO|FROM) (\S+) /.exec(sql) ?? []
    const rows = FakeSqlite.places.get(table)
    if (rows === undefined) throw new Error(`no such table: ${table}`)
    return {
      get: (key = '') => (rows.has(key) ? { position: rows.get(key) } : undefined),
      run: (key = '', position = '') => rows.set(key, position),
    }
  }
}

describeCursorStore('sqliteCursors', (place) => sqliteCursors(new FakeSqlite(), { table: place }))

describe('sqliteCursors', () => {
  it.each([
    ['a database', () => sqliteCursors({} as never), /`database` must be a database/],
    ['a table', () => sqliteCursors(new FakeSqlite(), { table: 'a b' }), /`table` must be/],
  ])('refuses what is not %s at the call', (_, call, message) => {
    expect(call).toThrow(ConfigError)
    expect(call).toThrow(message)
  })

  it('tells of a path on a Node without node:sqlite what to do', () => {
    const { getBuiltinModule } = process as unknown as Record<string, unknown>
    Object.assign(process, { getBuiltinModule: () => undefined })
    try {
      const open = () => sqliteCursors('./a.db')
      expect(open).toThrow(ConfigError)
      expect(open).toThrow(
        /needs node:sqlite of Node 22\.5 or later, and this is v\d+.*better-sqlite3/,
      )
    } finally {
      Object.assign(process, { getBuiltinModule })
    }
  })

  it('writes in the transaction of the program, under the key of its one stream', async () => {
    const database = new FakeSqlite()
    const cursors = sqliteCursors(database, { table: 'written' })
    expect(() => cursors.write(database, 'one')).toThrow(/no stream has loaded/)
    await cursors.load('a')
    cursors.write(database, 'one')
    expect(await cursors.load('a')).toBe('one')
    await cursors.load('b')
    expect(() => cursors.write(database, 'two')).toThrow(CursorStoreError)
    expect(() => cursors.write(database, 'two')).toThrow(/"a" and "b"/)
  })

  it('rejects with the reason of the database', async () => {
    const database = {
      exec: () => {
        throw new Error('database is locked')
      },
      prepare: () => ({ get: () => undefined, run: () => undefined }),
    }
    const failed = sqliteCursors(database).load('a')
    await expect(failed).rejects.toThrow('could not load the position of "a": database is locked')
    await expect(failed).rejects.toBeInstanceOf(CursorStoreError)
  })
})
