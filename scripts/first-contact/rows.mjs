import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin } from './tools.mjs'

const ESM = '{ "type": "module" }'
const CJS = '{}'
const json = (value) => JSON.stringify(value, null, 2)

// --- TypeScript ---

const PROGRAM = `
import { firstValueFrom, take, toArray } from 'rxjs'
import { isCommit, jetstream$ } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { redisCursorStore } from 'rxjs-atproto/redis'

declare const process: { readonly env: { readonly HOST: string } }
const events$ = jetstream$({ host: process.env.HOST, cursor: 'oldest' })
firstValueFrom(events$.pipe(take(5), toArray())).then((events) => {
  const did: string | undefined = events.filter(isCommit)[0]?.did
  console.log(events.length, 'events', did, typeof fileCursorStore, typeof redisCursorStore)
  // @ts-expect-error: without types this is no error
  events.nothing
})
`

const tsc = (manifest, options, { without, compiler = 'typescript' } = {}) => {
  const config = (more) =>
    json({
      compilerOptions: { outDir: 'out', strict: true, types: [], ...more },
      files: ['index.ts'],
    })
  return {
    files: { 'package.json': manifest, 'tsconfig.json': config(options), 'index.ts': PROGRAM },
    without: without && {
      files: { 'tsconfig.json': config(without.options) },
      says: without.says,
    },
    commands: [
      [...bin(`${compiler}/bin/tsc`), '-p', '.'],
      ['node', 'out/index.js'],
    ],
    prints: /^5 events did:\S+ function function$/m,
  }
}

const COMMONJS = { module: 'commonjs', target: 'es2022' }

// --- Runners of tests ---

const TEST = (globals) => `${globals}
import { firstValueFrom, take, toArray } from 'rxjs'
import { isCommit, jetstream$ } from 'rxjs-atproto'
import { fakeJetstream } from 'rxjs-atproto/testing'

test('reads a Jetstream', async () => {
  const server = await fakeJetstream({ events: 20 })
  const events = await firstValueFrom(jetstream$({ host: server.url }).pipe(take(5), toArray()))
  expect(events.filter(isCommit).length).toBeGreaterThan(0)
  await server.close()
})
`
const SWC = (type) =>
  json({ jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type } })
const jestConfig = (begin, lines) =>
  `${begin} { transform: { '^.+\\\\.[jt]s$': '@swc/jest' }, ${lines} }`

// --- Bundlers ---

const NODE_PROGRAM = `
import { take, toArray } from 'rxjs'
import { jetstream$, streamMetrics } from 'rxjs-atproto'

const metrics$ = streamMetrics()
jetstream$({ host: process.env.HOST, wire: 'v2', cursor: 'oldest', compress: true, metrics$ })
  .pipe(take(500), toArray())
  .subscribe({
    next: ({ length }) => console.log(length, 'events,', metrics$.value.compression.name),
    error: ({ code, message }) => console.log(code, message),
  })
`
const PAGE = `
import { jetstream$ } from 'rxjs-atproto'
import { browserCursorStore, inOneTab } from 'rxjs-atproto/cursors/browser'

jetstream$({ compress: 'auto', checkpoint: browserCursorStore({ name: 'feed' }) })
  .pipe(inOneTab({ name: 'feed' }))
  .subscribe((event) => console.log(event.did))
`

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** Says whether what was built for a page has the socket of a page, and the file of zstd. */
const pageIn = (folder) => (place) => {
  const files = filesBelow(join(place, folder))
  const code = files
    .filter((file) => /\.m?js$/.test(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('')
  const parts = [
    code.includes('visibilitychange') && 'socket of a page',
    !/node:(net|tls|http|fs)|perMessageDeflate/.test(code) && 'nothing of Node',
    files.some((file) => file.endsWith('.wasm')) && 'zstd.wasm',
  ]
  return `\nbuilt: ${parts.filter(Boolean).join(', ')}\n`
}
const WHOLE_PAGE = /^built: socket of a page, nothing of Node, zstd.wasm$/m

const esbuild = (...flags) => [
  ...['../../node_modules/esbuild/bin/esbuild', 'index.mjs', '--bundle', '--log-level=warning'],
  ...flags,
]
const ZSTD = '../../node_modules/rxjs-atproto/dist/zstd/zstd.wasm'
const REQUIRE =
  "import { createRequire as from } from 'node:module'; const require = from(import.meta.url)"

const EXTERNALS =
  "externals: { bufferutil: 'commonjs bufferutil', 'utf-8-validate': 'commonjs utf-8-validate' }"

const webpackRun = `
import webpack from 'webpack'
const common = { mode: 'production', performance: { hints: false }, context: process.cwd() }
const configs = [
  { ...common, entry: './page.mjs', target: 'web', output: { path: process.cwd() + '/page' } },
  {
    ...common,
    entry: './index.mjs',
    target: 'node20',
    // Optional packages of ws.
    ${EXTERNALS},
    output: { path: process.cwd() + '/out', filename: 'index.cjs' },
  },
]
webpack(configs, (error, stats) => {
  if (error) throw error
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true })
  for (const { message, moduleName } of [...errors, ...warnings])
    console.log('told:', moduleName, message)
  process.exitCode = errors.length
})
`

const NEXT_PAGE = `'use client'
import { useEffect, useState } from 'react'
import { jetstream$ } from 'rxjs-atproto'

export default function Page() {
  const [did, setDid] = useState('nobody yet')
  useEffect(() => {
    const reading = jetstream$().subscribe((event) => setDid(event.did))
    return () => reading.unsubscribe()
  }, [])
  return <p>{did}</p>
}
`
const nextRoute = (runtime) => `
import { firstValueFrom, take, toArray } from 'rxjs'
import { jetstream$ } from 'rxjs-atproto'

export const runtime = '${runtime}'
export const dynamic = 'force-dynamic'

export async function GET() {
  const events$ = jetstream$({ host: process.env.HOST, cursor: 'oldest' })
  const events = await firstValueFrom(events$.pipe(take(500), toArray()))
  return new Response(events.length + ' events')
}
`
const NEXT_START = `
import { spawn } from 'node:child_process'

const next = '../../node_modules/next/dist/bin/next'
const stdio = ['ignore', 'pipe', 'inherit']
const server = spawn('node', [next, 'start', '--port', '0'], { stdio })
const url = await new Promise((found) =>
  server.stdout.on('data', (text) => {
    const [local] = /http:\\/\\/localhost:\\d+/.exec(text) ?? []
    if (local !== undefined) found(local)
  }),
)
const get = async (path) => (await fetch(url + path)).text()
const { status } = await fetch(url)
console.log('page ' + status + ', node ' + (await get('/node')) + ', edge ' + (await get('/edge')))
server.kill()
process.exit()
`

// A page and a route in Node; the bundler of Next builds one at the edge too, webpack none.
const nextRow = (edge, ...flags) => ({
  files: {
    'package.json': json({ type: 'module', dependencies: { next: '*', react: '*' } }),
    'next.config.mjs': 'export default { experimental: { cpus: 1 } }',
    'app/layout.jsx':
      'export default ({ children }) => (<html lang="en"><body>{children}</body></html>)',
    'app/page.jsx': NEXT_PAGE,
    'app/node/route.js': nextRoute('nodejs'),
    'app/edge/route.js': nextRoute(edge),
    'start.mjs': NEXT_START,
  },
  env: { NEXT_TELEMETRY_DISABLED: '1' },
  commands: [
    [...bin('next/dist/bin/next'), 'build', ...flags],
    ['node', 'start.mjs'],
  ],
  prints: /^page 200, node 500 events, edge 500 events$/m,
  not: /Critical dependency|zstd-napi|warning/i,
})

export const ROWS = {
  'tsc-nodenext': tsc(ESM, { module: 'nodenext' }, { compiler: 'typescript7' }),
  'tsc-nodenext-commonjs': tsc(CJS, { module: 'nodenext' }),
  'tsc-node16': tsc(ESM, { module: 'node16' }),
  'tsc-node16-commonjs': tsc(
    CJS,
    { module: 'nodenext' },
    {
      without: { options: { module: 'node16' }, says: /TS1479/ },
    },
  ),
  'tsc-bundler': tsc(ESM, { module: 'esnext', moduleResolution: 'bundler', target: 'es2022' }),
  'tsc-commonjs': tsc(
    CJS,
    { ...COMMONJS, esModuleInterop: true },
    {
      without: { options: COMMONJS, says: /zod.*TS1259/ },
    },
  ),
  'tsc-es2020': tsc(ESM, { module: 'nodenext', target: 'es2020', lib: ['ES2020', 'DOM'] }),
  'tsc-5.7': tsc(ESM, { module: 'nodenext' }, { compiler: 'typescript5.7' }),
  'tsc-5.6': tsc(
    ESM,
    { module: 'nodenext', skipLibCheck: true },
    {
      compiler: 'typescript5.6',
      without: { options: { module: 'nodenext' }, says: /TS2315/ },
    },
  ),
  'jest-commonjs': {
    files: {
      'package.json': CJS,
      '.swcrc': SWC('commonjs'),
      'a.test.ts': TEST(''),
      'jest.config.js': jestConfig(
        'module.exports =',
        "transformIgnorePatterns: ['/node_modules/(?!(rxjs-atproto|@atcute|@noble)/)']",
      ),
    },
    without: {
      files: { 'jest.config.js': jestConfig('module.exports =', '') },
      says: /Must use import to load ES Module/,
    },
    commands: [bin('jest/bin/jest.js')],
    prints: /1 passed/,
  },
  'jest-esm': {
    files: {
      'package.json': ESM,
      '.swcrc': SWC('es6'),
      'a.test.ts': TEST(''),
      'jest.config.js': jestConfig('export default', "extensionsToTreatAsEsm: ['.ts']"),
    },
    env: { NODE_OPTIONS: '--experimental-vm-modules' },
    commands: [bin('jest/bin/jest.js')],
    prints: /1 passed/,
  },
  vitest: {
    files: { 'package.json': ESM, 'a.test.ts': TEST("import { expect, test } from 'vitest'") },
    commands: [[...bin('vitest/vitest.mjs'), 'run']],
    prints: /1 passed/,
  },
  'esbuild-page': {
    files: { 'package.json': ESM, 'index.mjs': PAGE },
    commands: [esbuild('--format=esm', '--splitting', '--outdir=page'), ['cp', ZSTD, 'page']],
    check: pageIn('page'),
    prints: WHOLE_PAGE,
    not: /warning/i,
  },
  // By `npm link` or a workspace: the bundler then reads our own tsconfig.json.
  'esbuild-link': {
    files: { 'package.json': ESM, 'index.mjs': PAGE, 'node_modules/README': '' },
    commands: [
      ['sh', '-c', 'ln -s "$ROOT" node_modules/rxjs-atproto'],
      esbuild('--format=esm', '--splitting', '--outdir=page'),
      ['cp', ZSTD, 'page'],
    ],
    check: pageIn('page'),
    prints: WHOLE_PAGE,
    not: /warning/i,
  },
  'esbuild-node-commonjs': {
    files: { 'package.json': CJS, 'index.mjs': NODE_PROGRAM },
    commands: [
      esbuild(
        '--platform=node',
        '--outfile=out/index.cjs',
        '--log-override:empty-import-meta=silent',
      ),
      ['cp', ZSTD, 'out'],
      ['node', 'out/index.cjs'],
    ],
    prints: /^500 events, zstd$/m,
  },
  'esbuild-node-esm': {
    files: {
      'package.json': ESM,
      'index.mjs': NODE_PROGRAM,
      'build.sh': `"$@" --banner:js="${REQUIRE}"`,
    },
    without: { files: { 'build.sh': '"$@"' }, says: /Dynamic require of "\w+" is not supported/ },
    commands: [
      ['sh', 'build.sh', ...esbuild('--platform=node', '--format=esm', '--outfile=out/index.mjs')],
      ['cp', ZSTD, 'out'],
      ['node', 'out/index.mjs'],
    ],
    prints: /^500 events, zstd$/m,
  },
  vite: {
    files: {
      'package.json': ESM,
      'index.html': '<script type="module" src="./page.mjs"></script>',
      'page.mjs': PAGE,
    },
    commands: [[...bin('vite/bin/vite.js'), 'build', '--outDir', 'page']],
    check: pageIn('page'),
    prints: WHOLE_PAGE,
    not: /warn/i,
  },
  webpack: {
    files: {
      'package.json': ESM,
      'page.mjs': PAGE,
      'index.mjs': NODE_PROGRAM,
      'build.mjs': webpackRun,
    },
    commands: [
      ['node', 'build.mjs'],
      ['node', 'out/index.cjs'],
    ],
    check: pageIn('page'),
    prints: /^500 events, zstd$[\s\S]*^built: socket of a page, nothing of Node, zstd.wasm$/m,
    not: /told:/,
  },
  next: nextRow('edge'),
  'next-webpack': nextRow('nodejs', '--webpack'),
}
