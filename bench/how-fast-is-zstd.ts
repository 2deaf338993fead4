/**
 * How fast is each zstd decoder, beside a naive loop around `@bokuweb/zstd-wasm`, and beside
 * JSON.parse of the same text? One process, in rounds so that a slow moment of the machine meets
 * all of them. `--node24` runs the same on Node 24, fetched into .tmp; `zstd-napi` is measured
 * where it is installed (`npm install --no-save zstd-napi`).
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  compressUsingDict,
  createCCtx,
  createDCtx,
  decompressUsingDict,
  init,
} from '@bokuweb/zstd-wasm'
import { generateEvents } from 'rxjs-atproto/testing'
import { runOnNode24 } from './tools/node24.js'
import { median } from './tools/statistics.js'
import { table, whole } from './tools/table.js'

const ROOT = resolve(import.meta.dirname, '../..')
const DATA = process.env.RECORDINGS ?? resolve(ROOT, '../shared/data')
const MAX_BYTES = 5 * 2 ** 20
const MIN_GAIN = 1.3
const NAIVE = 'naive loop around @bokuweb/zstd-wasm'

type Read = (frame: Uint8Array) => unknown
type Ours = typeof import('../src/zstd/decoders/node-decoders.js')

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    node24: { type: 'boolean', default: false },
  },
})

if (flags.node24) runOnNode24(import.meta.url)
else await measure()

async function measure(): Promise<void> {
  await init()
  const { dictionary, frames, name } = recordedFrames() ?? generatedFrames()
  const readers = await readersOf(dictionary, frames)
  const rounds = Number(flags.rounds ?? (flags.quick ? 5 : 15))
  const times = new Map([...readers.keys()].map((reader): [string, number[]] => [reader, []]))
  for (let round = 0; round <= rounds; round++) {
    // The first round is the warm-up.
    for (const [reader, read] of readers)
      if (round > 0) times.get(reader)?.push(timeOf(read, frames))
      else timeOf(read, frames)
  }
  report(name, times)
}

async function readersOf(
  dictionary: Uint8Array,
  frames: readonly Uint8Array[],
): Promise<ReadonlyMap<string, Read>> {
  const ours = await oursOf()
  const context = createDCtx()
  const decoders = [
    await ours.nodeWasmDecoder(dictionary),
    await ours.napiDecoder(dictionary),
    ours.zlibDecoder(dictionary),
  ]
  const [portable] = decoders
  const texts = new Map(frames.map((frame) => [frame, portable?.decode(frame, MAX_BYTES) ?? '']))
  return new Map<string, Read>([
    [NAIVE, (frame) => Buffer.from(decompressUsingDict(context, frame, dictionary)).toString()],
    ...decoders.flatMap((decoder): [string, Read][] =>
      decoder ? [[`ours: ${decoder.name}`, (frame) => decoder.decode(frame, MAX_BYTES)]] : [],
    ),
    ['JSON.parse of the text', (frame) => JSON.parse(texts.get(frame) ?? '')],
  ])
}

/** They are not exported: what a user has is the best of them. */
function oursOf(): Promise<Ours> {
  return import(new URL('../../dist/zstd/decoders/node-decoders.js', import.meta.url).href)
}

function recordedFrames() {
  const file = resolve(DATA, 'derived/real_v1_zstd_frames.bin')
  if (!existsSync(file)) return undefined
  const bytes = readFileSync(file)
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at))
    frames.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)))
  return {
    name: 'recorded events',
    dictionary: readFileSync(resolve(DATA, 'jetstream/zstd_dictionary')),
    frames,
  }
}

function generatedFrames() {
  const dictionary = readFileSync(resolve(ROOT, 'spec/zstd/dictionaries/1111.zdict'))
  const context = createCCtx()
  const texts = [...generateEvents({ count: 200 })].map((event) =>
    Buffer.from(JSON.stringify(event)),
  )
  return {
    name: 'generated events',
    dictionary,
    frames: texts.map((text) => compressUsingDict(context, text, dictionary)),
  }
}

/** Microseconds of CPU a frame: a busy machine makes a frame wait, not cost more. */
function timeOf(read: Read, frames: readonly Uint8Array[]): number {
  const passes = Math.ceil((flags.quick ? 2000 : 6000) / frames.length)
  const began = process.cpuUsage()
  for (let pass = 0; pass < passes; pass++) for (const frame of frames) read(frame)
  const { user, system } = process.cpuUsage(began)
  return (user + system) / (passes * frames.length)
}

function report(name: string, times: ReadonlyMap<string, readonly number[]>): void {
  const naive = median(times.get(NAIVE) ?? [])
  const rows = [...times].map(([reader, all]) => [
    reader,
    median(all).toFixed(2),
    whole(1e6 / median(all)),
    (naive / median(all)).toFixed(2),
  ])
  const heads = ['', 'µs a frame', 'frames/s', '× naive']
  console.log(`zstd, ${name}, Node ${process.version}\n\n${table([heads, ...rows])}`)
  const gain = naive / median(times.get('ours: wasm') ?? [])
  if (gain >= MIN_GAIN) return
  console.error(
    `\nthe portable decoder is ${gain.toFixed(2)} times the naive loop, less than ${MIN_GAIN}`,
  )
  process.exitCode = 1
}
