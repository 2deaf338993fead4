/**
 * How fast is `archive$`, beside inflating the blocks of the same archive and decoding the same
 * rows with nothing around it (the floor)? The server is a process of its own, and each contender
 * runs in a fresh one, in rounds. Counted is the CPU of the contender's process, all its threads.
 */
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { lastValueFrom, tap } from 'rxjs'
import { archive$, type JetstreamEvent } from 'rxjs-atproto'
import { fakeArchive } from 'rxjs-atproto/testing'
import type { SparseArchive, SparseArchiveAnswer } from './archive/serve.js'
import { start } from './tools/child.js'
import { runOnNode24 } from './tools/node24.js'
import { mebibytes, median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const DIST = resolve(import.meta.dirname, '../../dist')
const ARCHIVE = 'sources/jetstream/archive'
const zstd = await internal<typeof import('../src/zstd/node.js')>('zstd/node.js')
const blocks = await internal<typeof import('../src/sources/jetstream/archive/block.js')>(
  `${ARCHIVE}/block.js`,
)
const segments = await internal<typeof import('../src/sources/jetstream/archive/segment.js')>(
  `${ARCHIVE}/segment.js`,
)
const cbor = await internal<typeof import('../src/atproto/cbor-json.js')>('atproto/cbor-json.js')
const cid = await internal<typeof import('../src/atproto/cid.js')>('atproto/cid.js')

function internal<Module>(file: string): Promise<Module> {
  return import(resolve(DIST, file)) as Promise<Module>
}

// What the servers write; the fake one stores them without compressing them.
const SIZES = { rowsPerBlock: 4096, blocksPerSegment: 8 }
// Far below what was measured, since the machine may be busy.
const LEAST_RATIO = 0.15

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    events: { type: 'string' },
    node24: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
    contend: { type: 'string' },
    host: { type: 'string' },
  },
})
const EVENTS = Number(flags.events ?? (flags.quick ? 30_000 : 120_000))

/** What a program reads of each event, and of each payload where nothing is around it. */
const TOUCHES: Readonly<Record<string, readonly ('record' | 'cid')[]>> = {
  untouched: [],
  record: ['record'],
  CID: ['cid'],
  'record and CID': ['record', 'cid'],
}
const RARE = 'filtered to 2 %'
const LARGE = 'untouched, segments of 92 MB'
const LARGE_SIZES: SparseArchive = {
  megabytes: 92 * (flags.quick ? 1 : 3),
  segmentMegabytes: 92,
  rowsPerBlock: 4096,
  textBytes: 100,
}

interface Measured {
  readonly rows: number
  readonly cpuUs: number
  readonly ms: number
  readonly rssBytes: number
}

if (flags.node24) runOnNode24(import.meta.url)
else if (flags.serve) await serve()
else if (flags.contend !== undefined) await contend(flags.contend, flags.host ?? '')
else await measure()

async function serve(): Promise<void> {
  process.once('disconnect', () => process.exit())
  const server = await fakeArchive({ events: EVENTS, ...SIZES })
  process.send?.(server.host)
}

async function contend(name: string, host: string): Promise<void> {
  const [kind = '', touch = ''] = name.split(': ')
  const started = process.cpuUsage()
  const startedAt = performance.now()
  const rows = kind === 'floor' ? await readPlainly(host, touch) : await readStream(host, touch)
  const { user, system } = process.cpuUsage(started)
  const ms = performance.now() - startedAt
  const rssBytes = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({ rows, cpuUs: user + system, ms, rssBytes } satisfies Measured))
}

async function readStream(host: string, touch: string): Promise<number> {
  let rows = 0
  const filter = touch === RARE ? { collections: ['app.bsky.graph.block'] } : {}
  const members = TOUCHES[touch] ?? []
  const take = (event: JetstreamEvent): void => {
    rows += 1
    if (event.kind === 'commit') for (const member of members) void event.commit[member]
  }
  await lastValueFrom(archive$({ host, log: false, ...filter }).pipe(tap(take)))
  return touch === RARE ? EVENTS : rows
}

/** Fetches the segments, inflates their blocks, and reads every row. */
async function readPlainly(host: string, touch: string): Promise<number> {
  const { inflate } = await zstd.plainInflater()
  const { HEADER_BYTES, readHeader, SegmentFrames } = segments
  let rows = 0
  for (let segment = 0; rows < EVENTS; segment += 1) {
    const name = `seg_${segment.toString(36).padStart(10, '0')}.jss`
    const answer = await fetch(`http://${host}/xrpc/network.bsky.jetstream.getSegment?name=${name}`)
    const file = new Uint8Array(await answer.arrayBuffer())
    const { blocks: count, blocksEnd } = readHeader(file)
    const frames = new SegmentFrames()
    frames.add(file.subarray(HEADER_BYTES, blocksEnd))
    for (let index = 0; index < count; index += 1) {
      const frame = frames.takeFrame(file.length) ?? new Uint8Array()
      rows += readRows(await inflate(frame, 2 ** 30), touch)
    }
  }
  return rows
}

function readRows(content: Uint8Array, touch: string): number {
  const members = TOUCHES[touch] ?? []
  const [hasRecord, hasCid] = [members.includes('record'), members.includes('cid')]
  const block = new blocks.Block(content, 0, Number.MAX_SAFE_INTEGER)
  while (block.next()) {
    const { bytes, payload, payloadEnd } = block
    if (payload === payloadEnd) continue
    if (hasRecord) cbor.cborToJson(bytes, payload, payloadEnd)
    if (hasCid) cid.cidOfRecord(bytes.subarray(payload, payloadEnd))
  }
  return block.rows
}

async function measure(): Promise<void> {
  const server = fork(fileURLToPath(import.meta.url), ['--serve', '--events', String(EVENTS)])
  const large = start<SparseArchiveAnswer>('archive/serve', LARGE_SIZES)
  try {
    const [host] = (await once(server, 'message')) as [string]
    const sparse = await large.answer()
    const touches = Object.keys(TOUCHES)
    const names = [
      ...touches.flatMap((touch) => [`floor: ${touch}`, `archive$: ${touch}`]),
      `archive$: ${RARE}`,
    ]
    const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5))
    const results = new Map(names.map((name): [string, Measured[]] => [name, []]))
    for (let round = 0; round < rounds; round += 1)
      for (const name of names) results.get(name)?.push(run(name, host, EVENTS))
    // Once: its server takes longer than it does.
    results.set(`archive$: ${LARGE}`, [
      run(`archive$: ${LARGE}`, new URL(sparse.host).host, sparse.rows),
    ])
    report(results)
  } finally {
    server.kill()
    await large.stop()
  }
}

function run(name: string, host: string, events: number): Measured {
  const args = ['--contend', name, '--host', host, '--events', String(events)]
  const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const measured = JSON.parse(stdout) as Measured
  if (measured.rows !== events) throw new Error(`${name} read ${measured.rows} of ${events} rows`)
  return measured
}

function report(results: ReadonlyMap<string, readonly Measured[]>): void {
  const of = (name: string, figure: (one: Measured) => number) =>
    median((results.get(name) ?? []).map(figure))
  const cpuOf = (name: string) => of(name, ({ cpuUs, rows }) => cpuUs / rows)
  const rows = [...results.keys()].map((name) => {
    const floor = `floor: ${name.split(': ')[1]}`
    const ratio = cpuOf(results.has(floor) ? floor : 'floor: untouched') / cpuOf(name)
    if (ratio < LEAST_RATIO) process.exitCode = 1
    return [
      name,
      whole(of(name, (one) => (one.rows * 1000) / one.ms)),
      cpuOf(name).toFixed(2),
      ratio.toFixed(2),
      mebibytes(of(name, ({ rssBytes }) => rssBytes)).toFixed(0),
    ]
  })
  const head = ['', 'rows/s', 'µs of CPU a row', 'ratio by CPU', 'RSS, MiB']
  console.log(table([head, ...rows]))
  console.log('\nthe start of each process is not in the figures; that of its first block is')
}
