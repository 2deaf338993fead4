// The example of Nest as a user runs it: installed from the tarball in a folder outside of this
// one, built with `nest build`, and run against fake servers.
//   check-nest.mjs [--kills 20] [--keep]
import { deepStrictEqual, ok } from 'node:assert'
import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = resolve(fileURLToPath(import.meta.url), '../..')
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, keep: { type: 'boolean', default: false } },
})
const folder = mkdtempSync(join(tmpdir(), 'nest-'))
const app = join(folder, 'app')
const children = new Set()

const QUIET = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
const RECORDING = join(ROOT, 'spec/fixtures/simulator/v1.ndjson')

try {
  await step('install the tarball', install)
  await step('nest build', () => npm(app, 'run', 'build'))
  await step('vitest, jest', () => {
    npm(app, 'test')
    npm(app, 'run', 'test:jest')
  })
  await step('types of Nest 11, TypeScript 5.7', olderTypes)
  const testing = createRequire(join(app, 'package.json')).resolve('rxjs-atproto/testing')
  const fakes = await import(pathToFileURL(testing).href)
  await step('a recording: health, metrics, SIGTERM under load', () => drains(fakes))
  await step(`kill -9, ${values.kills} times`, () => kills(fakes))
  await step('a fatal error', () => fatal(fakes))
} finally {
  for (const child of children) child.kill('SIGKILL')
  if (!values.keep) rmSync(folder, { recursive: true, force: true })
}
// The servers hold nothing that has to be closed.
process.exit()

async function step(name, run) {
  const began = performance.now()
  const told = await run()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${name}: ${seconds} s${told === undefined ? '' : `, ${told}`}`)
}

// --- Install, build ---

function npm(cwd, ...args) {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}

function install() {
  npm(ROOT, 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder)
  const isSource = (path) => !/node_modules|\/dist/.test(path.slice(ROOT.length))
  cpSync(join(ROOT, 'examples/nest'), app, { recursive: true, filter: isSource })
  npm(app, 'install', ...QUIET, tarball())
}

function tarball() {
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  return join(folder, name)
}

/** Those of the major before, with both compilers, with and without the metadata of types. */
function olderTypes() {
  const older = join(folder, 'older')
  cpSync(join(app, 'src'), join(older, 'src'), { recursive: true })
  cpSync(join(app, 'tsconfig.json'), join(older, 'tsconfig.json'))
  cpSync(join(ROOT, 'examples/nest/older.json'), join(older, 'package.json'))
  npm(older, 'install', ...QUIET, tarball())
  for (const place of [app, older])
    for (const metadata of ['true', 'false']) {
      const tsc = join(place, 'node_modules/typescript/bin/tsc')
      const flags = ['--noEmit', '--emitDecoratorMetadata', metadata]
      execFileSync('node', [tsc, ...flags], { cwd: older, stdio: 'inherit' })
    }
}

// --- Runs ---

/** A place for the position and the journal of one story. */
function place(name) {
  const at = join(folder, name)
  const journal = `${at}.txt`
  return {
    env: { CURSOR: `${at}.json`, JOURNAL: journal },
    size: () => (existsSync(journal) ? statSync(journal).size : 0),
    lines: () =>
      existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').filter(Boolean) : [],
  }
}

function start(env) {
  const child = spawn('node', ['dist/main.js'], {
    cwd: app,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  let output = ''
  const url = new Promise((found) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
        const [line] = /^http:\S+/m.exec(output) ?? []
        if (line !== undefined) found(line)
      })
  })
  const ended = new Promise((done) =>
    child.on('close', (code, signal) => {
      children.delete(child)
      done({ code, signal })
    }),
  )
  return { child, url, ended, output: () => output }
}

/** Fails with what the program wrote, if it does not come to that in time. */
async function until(what, holds, program) {
  const end = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > end || program.child.exitCode !== null)
      throw new Error(`waited for ${what}, and the program wrote:\n${program.output()}`)
    await wait(5)
  }
}

async function stop(program) {
  program.child.kill('SIGTERM')
  return program.ended
}

/** The lines of the journal that some events have to leave, sorted. */
function linesOf(events) {
  const lines = events.flatMap(({ kind, did, time_us, commit }) => {
    if (kind !== 'commit') return kind === 'sync' ? [] : [`${kind} ${did} ${time_us}`]
    const { collection, rkey, rev, operation } = commit
    const path = `at://${did}/${collection}/${rkey} ${rev}`
    if (collection === 'app.bsky.feed.post')
      return [`${operation === 'delete' ? 'gone' : 'post'} ${path}`]
    return collection === 'app.bsky.feed.like' && operation !== 'delete' ? [`like ${path}`] : []
  })
  return lines.sort()
}

/** Two servers, and what they have to leave in a journal. */
async function servers({ fakeJetstream, fakeTap }, events, tapEvents) {
  const jetstream = await fakeJetstream({ events, ratePerSecond: 4000 })
  // It sends again what it has sent and nobody has acked, at each tick.
  const tap = await fakeTap({ events: tapEvents, retryTimeoutMs: 1000 })
  const isTaken = ({ type, record }) => type === 'identity' || /^app\.bsky/.test(record.collection)
  const taken = tap.outbox.map(({ frame }) => JSON.parse(frame)).filter(isTaken)
  const taps = taken.map(({ id }) => `tap ${id}`)
  return {
    env: { JETSTREAM: jetstream.url, TAP: tap.host },
    expected: [...linesOf(events), ...taps].sort(),
  }
}

// --- Stories ---

async function drains(fakes) {
  const recorded = readFileSync(RECORDING, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const more = [...fakes.generateEvents({ count: 3000, startUs: recorded.at(-1).time_us + 1 })]
  const { env, expected } = await servers(fakes, [...recorded, ...more], 300)
  const { lines, env: files } = place('drained')
  let lives = 0
  for (const share of [0.2, 0.6, 1]) {
    const program = start({ ...env, ...files })
    await until('events', () => new Set(lines()).size >= expected.length * share, program)
    if (lives === 0) await looksWell(await program.url)
    const { code, signal } = await stop(program)
    ok(signal === 'SIGTERM' || code === 0, `ended with ${code}:\n${program.output()}`)
    lives += 1
  }
  // Drained and saved: none missing, and of a Jetstream at most the last events of a life again,
  // since its cursor is inclusive.
  const written = lines()
  deepStrictEqual([...new Set(written)].sort(), expected)
  const repeated = repeatsIn(written.filter((text) => !text.startsWith('tap')))
  ok(repeated <= 4 * lives, `${repeated} events repeated in ${lives} lives`)
  return `${expected.length} events in ${lives} lives, none lost, ${repeated} repeated`
}

function repeatsIn(written) {
  return written.length - new Set(written).size
}

async function looksWell(url) {
  const health = await fetch(`${url}/health`)
  const { status, details } = await health.json()
  deepStrictEqual([health.status, status], [200, 'ok'])
  deepStrictEqual(Object.keys(details.atproto.streams).sort(), ['default', 'tap'])
  const metrics = await (await fetch(`${url}/metrics`)).text()
  for (const stream of ['default', 'tap'])
    ok(metrics.includes(`rxjs_atproto_connection_open{stream="${stream}"} 1`), metrics)
}

async function kills(fakes) {
  const events = [...fakes.generateEvents({ count: 6000, seed: 2 })]
  const { env, expected } = await servers(fakes, events, 400)
  const { size, lines, env: files } = place('killed')
  for (let life = 0; life < Number(values.kills); life += 1) {
    const program = start({ ...env, ...files })
    // Somewhere in its work, and sometimes before it has begun.
    const [before, some] = [size(), life % 5 === 0 ? 0 : Math.random() * 20_000]
    const isThere = () => size() >= before + some || new Set(lines()).size === expected.length
    await until(
      'some events',
      some === 0 ? () => wait(Math.random() * 1500, true) : isThere,
      program,
    )
    program.child.kill('SIGKILL')
    await program.ended
  }
  const last = start({ ...env, ...files })
  await until('all events', () => new Set(lines()).size >= expected.length, last)
  await stop(last)
  const written = lines()
  deepStrictEqual([...new Set(written)].sort(), expected)
  return `${expected.length} events, none lost, ${repeatsIn(written)} repeated`
}

async function fatal({ fakeJetstream, fakeTap }) {
  const faults = [{ onConnect: 1, times: 99, do: 'refuse', status: 403 }]
  const refusing = await fakeJetstream({ faults })
  const tap = await fakeTap({ events: 50 })
  const env = { JETSTREAM: refusing.url, TAP: tap.host, ...place('fatal').env }
  const ending = start(env)
  deepStrictEqual(await ending.ended, { code: 1, signal: null }, ending.output())
  const marked = start({ ...env, ON_FATAL: 'unhealthy' })
  const url = await marked.url
  const down = async () => {
    const response = await fetch(`${url}/health`)
    return response.status === 503 && /has failed/.test(await response.text())
  }
  await until('a health that is down', down, marked)
  await stop(marked)
  return 'ended with 1, or marked as told'
}
