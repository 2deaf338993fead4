import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { Cli, linesOf } from './cli.js'

const cli = new Cli()
beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const events = [...generateEvents({ count: 300, seed: 6 })]
const BROKEN = '{"broken": "ö 🦋'
const texts = events.map((event) => JSON.stringify(event))

describe('rxjs-atproto record and replay', () => {
  it('keep every frame as it came, with its time, and play it again', async () => {
    const path = cli.path('frames.ndjson.gz')
    const frames = [...texts.slice(0, 100), BROKEN, ...texts.slice(100)]
    await using server = await fakeJetstream({ events: frames, stored: 'all' })
    const from = ['--host', server.url, '--cursor', 'oldest']
    const recorded = await cli.run(['record', path, ...from, '--limit', '301'])
    expect(recorded).toMatchObject({ code: 0, stdout: '' })
    const lines = linesOf(gunzipSync(readFileSync(path)).toString()) as {
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
})
