import { bin } from './tools.mjs'

// Programs for runtimes other than Node: over a cut, a refusal, full queues and compression.
const READ = `
import { map, take, toArray } from 'rxjs'
import { boundedMergeMap, jetstream$, streamMetrics, tapAdmin } from 'rxjs-atproto'

export async function readAll(host, refusing, tap) {
  const read = (name, options = {}, pipe = map((event) => event)) =>
    new Promise((done) => {
      const metrics$ = streamMetrics()
      const reconnect = { maxAttempts: 2, initialDelayMs: 20 }
      jetstream$({ host, cursor: 'oldest', log: false, metrics$, reconnect, ...options })
        .pipe(pipe, take(1000), toArray())
        .subscribe({
          next: ({ length }) => {
            const { compression, reconnects } = metrics$.value
            done([name, length, compression.name, ...(reconnects > 0 ? ['again'] : [])].join(' '))
          },
          error: ({ code, cause }) => done([name, code, cause?.code].filter(Boolean).join(' ')),
        })
    })
  const slowly = async (event) => {
    await new Promise((done) => setTimeout(done, 1))
    return event
  }
  const admin = tapAdmin({ host: tap })
  const redirected = await admin.repoInfo('did:plc:a').catch(({ message }) => message)
  return [
    await read('cut'),
    await read('lazy', { decode: 'lazy' }),
    await read('full', {}, boundedMergeMap(slowly, { capacity: 50, concurrency: 50 })),
    await read('refused', { host: refusing }),
    await read('zstd', { wire: 'v2', compress: true }),
    await read('auto', { wire: 'v2', compress: 'auto' }),
    'tap ' + (await admin.health()).status,
    /redirect/.test(redirected) ? 'redirect refused' : String(redirected),
  ].join(', ')
}
`
const MAIN = `
import { readAll } from './read.mjs'
console.log(await readAll(process.env.HOST, process.env.REFUSING, process.env.TAP))
process.exit()
`
const TAP = ['tap ok', 'redirect refused']
const printing = (...parts) => new RegExp(`^${[...parts, ...TAP].join(', ')}$`, 'm')
const AS_NODE = printing(
  ...['cut 1000 none again', 'lazy 1000 none', 'full 1000 none', 'refused REFUSED'],
  ...['zstd 1000 zstd', 'auto 1000 zstd'],
)
const AS_PAGE = printing(
  ...['cut 1000 none again', 'lazy 1000 none', 'full 1000 none again'],
  ...['refused RECONNECT_EXHAUSTED CONNECT', 'zstd DICTIONARY', 'auto 1000 none'],
)

const asNode = (...command) => ({
  needs: command[0],
  files: { 'package.json': '{ "type": "module" }', 'read.mjs': READ, 'main.mjs': MAIN },
  commands: [[...command, 'main.mjs']],
  prints: AS_NODE,
})

// --- workerd ---

const WORKER = `
import { readAll } from './read.mjs'

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url)
    const [host, refusing, tap] = ['host', 'refusing', 'tap'].map((n) => searchParams.get(n))
    return new Response(await readAll(host, refusing, tap))
  },
}
`
const CONFIG = `
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "loopback", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-10-01",
  globalOutbound = "loopback",
);
`
// It tells its port on a descriptor of its own.
const ASK = `
import { spawn } from 'node:child_process'

const workerd = '../../node_modules/@cloudflare/workerd-linux-64/bin/workerd'
const stdio = ['ignore', 'inherit', 'inherit', 'pipe']
const server = spawn(workerd, ['serve', 'config.capnp', '--control-fd=3'], { stdio })
const port = await new Promise((found) =>
  server.stdio[3].on('data', (line) => found(JSON.parse(line).port)),
)
const { HOST, REFUSING, TAP } = process.env
const query = new URLSearchParams({ host: HOST, refusing: REFUSING, tap: TAP })
// Without an answer it must not live on, and hold the output open.
const read = fetch('http://127.0.0.1:' + port + '/?' + query).then((answer) => answer.text())
console.log(await read.finally(() => server.kill()))
process.exit()
`

// --- React Native ---

const METRO = `
const { join } = require('node:path')
const { getDefaultConfig } = require('metro-config')

const packages = join(__dirname, '../../node_modules')
const ours = ['rxjs-atproto', 'zod', '@atcute', '@noble']
const read = [...ours, 'rxjs', 'tslib', '@babel/runtime', 'metro-runtime']

module.exports = getDefaultConfig(__dirname).then((config) => ({
  ...config,
  maxWorkers: 2,
  watchFolders: read.map((name) => join(packages, name)),
  resolver: { ...config.resolver, unstable_conditionsByPlatform: { ios: ['react-native'] } },
}))
`
// Its WebSocket is that of Node, as no phone runs here.
const PHONE = `
globalThis.__DEV__ = true
process.argv = []
require('./out.js')
`
const APP = `
import { readAll } from './read.mjs'

const { HOST, REFUSING, TAP } = process.env
readAll(HOST, REFUSING, TAP).then((read) => {
  console.log(read)
  process.exit()
})
`

export const RUNTIMES = {
  'react-native': {
    files: {
      'package.json': '{}',
      'metro.config.js': METRO,
      'babel.config.js': "module.exports = { presets: ['module:@react-native/babel-preset'] }",
      'read.mjs': READ,
      'app.js': APP,
      'phone.js': PHONE,
    },
    commands: [
      [...bin('metro/src/cli.js'), ...['build', 'app.js', '--out', 'out.js', '--platform', 'ios']],
      ['node', '--experimental-websocket', 'phone.js'],
    ],
    prints: AS_PAGE,
  },
  deno: asNode('../../node_modules/@deno/linux-x64-glibc/deno', 'run', '--allow-all'),
  bun: asNode('../../node_modules/@oven/bun-linux-x64/bin/bun', 'run'),
  workerd: {
    needs: '../../node_modules/@cloudflare/workerd-linux-64/bin/workerd',
    files: {
      'package.json': '{ "type": "module" }',
      'read.mjs': READ,
      'main.mjs': WORKER,
      'config.capnp': CONFIG,
      'ask.mjs': ASK,
    },
    commands: [
      [
        '../../node_modules/esbuild/bin/esbuild',
        ...['main.mjs', '--bundle', '--format=esm', '--outfile=worker.js', '--log-level=warning'],
        '--conditions=workerd,worker,browser',
      ],
      ['node', 'ask.mjs'],
    ],
    prints: AS_PAGE,
  },
}
