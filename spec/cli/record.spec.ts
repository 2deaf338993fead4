import { readFileSync, writeFileSync } from 'node:fs'
import * as zlib from 'node:zlib'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { Cli, linesOf } from './cli.js'

const cli = new Cli()
beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const events = [...generateEvents({ count: 300, seed: 6 })]
const BROKEN = '{"broken": "ö 🦋'
const texts = events.map((event) => JSON.stringify(event))

const MAGIC = Buffer.from('28b52ffd', 'hex').toString('latin1')
/** `npm run ci` runs it on Node 24, too. */
const withZstd = 'createZstdCompress' in zlib ? it : it.skip
if (withZstd !== it) console.info('skipped: this Node has no zstd')

describe('rxjs-atproto record and replay', () => {
  it('keep every frame as it came, with its time, and play it again', async () => {
    const path = cli.path('frames.ndjson.gz')
    const frames = [...texts.slice(0, 100), BROKEN, ...texts.slice(100)]
    await using server = await fakeJetstream({ events: frames, stored: 'all' })
    const from = ['--host', server.url, '--cursor', 'oldest']
    const recorded = await cli.run(['record', path, ...from, '--limit', '301'])
    expect(recorded).toMatchObject({ code: 0, stdout: '' })
    const lines = linesOf(zlib.gunzipSync(readFileSync(path)).toString()) as {
      readonly at: number
      readonly frame: unknown
    }[]
    const asRead = (text: string) => (text === BROKEN ? text : JSON.parse(text))
    expect(lines.map(({ frame }) => frame)).toEqual(frames.map(asRead))
    expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted((a, b) => a - b))
    const [replayed, again] = await Promise.all([
      cli.run(['replay', path, '--speed', 'max']),
      cli.run(['record', path, ...from, '--limit', '1']),
    ])
    expect(linesOf(replayed.stdout)).toEqual(events)
    expect(replayed).toMatchObject({ code: 0, stderr: expect.stringContaining('1 rejected') })
    expect(again).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/the file exists already/),
    })
  })

  withZstd(
    'keep frames by zstd as one of its frames, which every Node with zstd reads',
    async () => {
      const [path, cut] = [cli.path('frames.ndjson.zst'), cli.path('cut.ndjson.zst')]
      // For longer than a second, after which a recorder flushes what it has.
      await using server = await fakeJetstream({ events: texts, ratePerSecond: 200 })
      const recorded = await cli.run(['record', path, '--host', server.url, '--limit', '300'])
      expect(recorded).toMatchObject({ code: 0, stdout: '' })
      const bytes = readFileSync(path)
      expect(bytes.toString('latin1').split(MAGIC)).toHaveLength(2)
      // As of a recorder that was killed.
      writeFileSync(cut, bytes.subarray(0, bytes.length - 20))
      const [whole, part] = await Promise.all(
        [path, cut].map((file) => cli.run(['replay', file, '--speed', 'max'])),
      )
      expect(linesOf(whole?.stdout ?? '')).toEqual(events)
      expect(part).toMatchObject({ code: 0, stdout: expect.stringContaining(texts[0] ?? '-') })
    },
  )
})
