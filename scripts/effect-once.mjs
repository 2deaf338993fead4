// Kills a program that writes rows and position in one transaction, again and again, and counts the
// rows: each event has one. `npm run build` first.
//
//   node scripts/effect-once.mjs sqlite --kills 20     needs node:sqlite: Node 22.13 or later
//   node scripts/effect-once.mjs postgres --kills 20   needs postgresql, and `pg`
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { boundedBatchMap, jetstream$ } from '../dist/index.js'
import { fakeJetstream } from '../dist/testing/index.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    // Forgets how many events at the position are done: fails unless rows come twice.
    control: { type: 'boolean', default: false },
    reader: { type: 'string' },
    place: { type: 'string' },
  },
})
const [name] = positionals

/** How each database is opened: its cursors, one transaction, and the rows. */
const DATABASES = {
  async sqlite(place) {
    const { sqliteCursors } = await import('../dist/cursors/sqlite.js')
    const cursors = sqliteCursors(join(place, 'rows.db'))
    const { database } = cursors
    database.exec('PRAGMA busy_timeout = 10000')
    database.exec('CREATE TABLE IF NOT EXISTS seen (id INTEGER PRIMARY KEY, event TEXT)')
    return {
      cursors,
      async commit(events, position) {
        database.exec('BEGIN IMMEDIATE')
        const insert = database.prepare('INSERT INTO seen (event) VALUES (?)')
        for (const event of events) insert.run(textOf(event))
        if (position !== undefined) cursors.write(database, position)
        database.exec('COMMIT')
      },
      rows: async () =>
        database
          .prepare('SELECT event FROM seen ORDER BY id')
          .all()
          .map(({ event }) => event),
      close: () => cursors.close(),
    }
  },
  async postgres(place) {
    const { postgresCursors } = await import('../dist/cursors/postgres.js')
    const { Pool } = (await import('pg')).default
    const pool = new Pool({ host: place, user: 'spec', database: 'postgres' })
    pool.on('error', () => {})
    const cursors = postgresCursors(pool)
    await pool.query('CREATE TABLE IF NOT EXISTS seen (id bigserial PRIMARY KEY, event text)')
    return {
      cursors,
      async commit(events, position) {
        const client = await pool.connect()
        await client.query('BEGIN')
        const texts = events.map(textOf)
        await client.query('INSERT INTO seen (event) SELECT unnest($1::text[])', [texts])
        if (position !== undefined) await cursors.write(client, position)
        await client.query('COMMIT')
        client.release()
      },
      rows: async () =>
        (await pool.query('SELECT event FROM seen ORDER BY id')).rows.map(({ event }) => event),
      close: () => pool.end(),
    }
  },
}

const textOf = (event) => JSON.stringify(event)

const withoutDone = (text) => text && JSON.stringify({ ...JSON.parse(text), done: undefined })

const streamOf = (host, checkpoint) =>
  jetstream$({ host, cursor: 'oldest', log: false, checkpoint, reconnect: { initialDelayMs: 5 } })

/** The program: it is killed, and started again. */
async function read(host, place) {
  const { cursors, commit } = await DATABASES[name](place)
  const work = async (events, { position }) => {
    await commit(events, values.control ? withoutDone(position) : position)
    process.send('committed')
  }
  streamOf(host, { store: cursors, name: 'rows', external: true })
    .pipe(boundedBatchMap(work, { size: 25, maxWaitMs: 20 }))
    .subscribe({ error: (error) => process.send({ error: String(error) }) })
}

/** Starts a server of Postgres in `place`; it refuses to run as root. */
async function startPostgres(place) {
  const versions = readdirSync('/usr/lib/postgresql')
  const bin = join('/usr/lib/postgresql', versions.at(-1), 'bin')
  const as =
    process.getuid() === 0
      ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
      : []
  const commandOf = (program, ...flags) => {
    const [first, ...rest] = [...as, join(bin, program), ...flags]
    return [first, rest, { cwd: place }]
  }
  chmodSync(place, 0o777)
  const made = spawnSync(...commandOf('initdb', '-D', 'data', '-U', 'spec', '-N'))
  if (made.status !== 0) throw new Error(String(made.stderr))
  const server = spawn(...commandOf('postgres', '-D', 'data', '-k', place, '-h', '', '-F'))
  await new Promise((resolve) => {
    let log = ''
    server.stderr.on('data', (text) => {
      log += text
      if (log.includes('ready to accept connections')) resolve()
    })
  })
  return async () => {
    server.kill('SIGQUIT')
    await once(server, 'exit')
  }
}

/** Starts the program. Ends it after a time that begins with its first commit, or by `until`. */
async function runUntilKilled(host, place, killAfterMs, until) {
  const control = values.control ? ['--control'] : []
  const flags = [name, '--reader', host, '--place', place, ...control]
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit')
  let timer
  child.on('message', (message) => {
    if (message.error !== undefined) throw new Error(message.error)
    if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  })
  await (until === undefined ? exit : Promise.race([exit, until()]))
  child.kill('SIGKILL')
  await exit
  clearTimeout(timer)
}

async function main() {
  const kills = Number(values.kills)
  const place = mkdtempSync(join(tmpdir(), 'effect-once-'))
  const stop = name === 'postgres' ? await startPostgres(place) : async () => {}
  const started = performance.now()
  // More than a run handles before it is killed.
  const total = kills * 1500
  const server = await fakeJetstream({
    events: total,
    stored: 'all',
    generate: { operationsPerCommit: 4, sharedTime: true },
  })
  const database = await DATABASES[name](place)
  let [count, seed] = [0, Number(values.seed)]
  try {
    for (; count < kills; count += 1) {
      seed = (seed * 48271) % 2147483647
      await runUntilKilled(server.url, place, seed % 60)
      if ((await database.rows()).length >= total) throw new Error('all was read before the kills')
    }
    await runUntilKilled(server.url, place, undefined, async () => {
      while ((await database.rows()).length < total) await pause(100)
    })
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
  const rows = await database.rows()
  const twice = rows.length - new Set(rows).size
  await database.close()
  await server.close()
  await stop()
  rmSync(place, { recursive: true, force: true })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(
    `${name}: ${count} kills, ${rows.length} rows of ${total} events, ${twice} twice, ${seconds} s`,
  )
  const isExact = rows.length === total && twice === 0
  if (isExact === values.control) process.exitCode = 1
}

if (values.reader === undefined) await main()
else await read(values.reader, values.place)
