// First contact: the package as users meet it, from the tarball, in a folder outside of this one.
//   run.mjs install FOLDER      packs `dist`, and installs it with the tools of all rows
//   run.mjs ROW FOLDER          runs a row of docs/tools.md
//   run.mjs list                names the rows
// A row whose setting needs a line is run without it first, and has to fail then.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ROWS } from './rows.mjs'
import { RUNTIMES } from './runtimes.mjs'
import { TOOLS } from './tools.mjs'

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..')
const ALL = { ...ROWS, ...RUNTIMES }
const [name, folder] = [process.argv[2], resolve(process.argv[3] ?? '')]

if (name === 'list') console.log(Object.keys(ALL).join('\n'))
else if (name === 'install') install()
else if (ALL[name] === undefined) throw new Error(`the rows are: ${Object.keys(ALL).join(', ')}`)
else await runRow(ALL[name])
// The servers hold nothing that has to be closed.
process.exit()

function install() {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]
  execFileSync('npm', pack, { cwd: ROOT })
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  execFileSync('npm', ['install', ...quiet, `./${tarball}`, ...TOOLS], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function runRow({ files, without, needs, ...row }) {
  if (needs !== undefined && !existsSync(join(folder, 'rows', name, needs))) {
    console.log(`not run: the package of ${name} brings no program for this machine`)
    return
  }
  if (without !== undefined) {
    const { code, output } = await outcome({ ...files, ...without.files }, row)
    if (code === 0 || !without.says.test(output))
      throw new Error(`it should fail without its line, with ${without.says}:\n${output}`)
  }
  const { code, output } = await outcome(files, row)
  const isRight = code === 0 && row.prints.test(output) && !row.not?.test(output)
  if (!isRight) throw new Error(`it should print ${row.prints}, not ${row.not}:\n${output}`)
}

/** Runs the commands of a row in a folder of its own, up to one that fails. */
async function outcome(files, { commands, env = {}, check }) {
  const place = join(folder, 'rows', name)
  rmSync(place, { recursive: true, force: true })
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    writeFileSync(join(place, path), content)
  }
  const servers = await startServers()
  let printed = ''
  for (const command of commands) {
    const { code, output } = await run(command, place, { ...servers, ...env })
    printed += output
    if (code !== 0) return { code, output: printed }
  }
  return { code: 0, output: printed + (check?.(place) ?? '') }
}

/** What the rows use: a Jetstream that cuts once, one that refuses, and a Tap that redirects. */
async function startServers() {
  const testing = createRequire(join(folder, 'package.json')).resolve('rxjs-atproto/testing')
  const { fakeJetstream, fakeTap } = await import(pathToFileURL(testing).href)
  const dictionary = new Uint8Array(readFileSync(join(ROOT, 'spec/zstd/dictionaries/1111.zdict')))
  const faults = [{ after: 250, do: 'drop' }]
  const server = await fakeJetstream({ server: 'v2', events: 2000, dictionary, faults })
  const refusals = [{ onConnect: 1, times: 99, do: 'refuse', status: 403 }]
  const refusing = await fakeJetstream({ server: 'v2', faults: refusals })
  const intercept = ({ path }) =>
    path === '/health' ? undefined : { status: 307, body: '', headers: { location: '/health' } }
  const tap = await fakeTap({ intercept })
  return { HOST: server.host, REFUSING: refusing.host, TAP: tap.host }
}

function run([command, ...args], cwd, env) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', CI: 'true', ROOT, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 600_000,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  return new Promise((done) => {
    child.on('error', (error) => done({ code: 1, output: String(error) }))
    child.on('close', (code) => done({ code: code ?? 1, output }))
  })
}
