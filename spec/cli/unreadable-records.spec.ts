import { fakeFirehose, fakeJetstream, fakeTap } from 'rxjs-atproto/testing'
import { deep, emptyMaps, FRAMES, GOOD } from '../helpers/hostile.js'
import { Cli, linesOf } from './cli.js'

const cli = new Cli()

beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

const RECORDS = [GOOD, deep(65), deep(100_000), emptyMaps(200_000), GOOD]

/** A command on a server that has all of them. */
const COMMANDS = {
  async jetstream() {
    const events = RECORDS.map((record, index) => FRAMES.v1(index + 1, record))
    const server = await fakeJetstream({ events, stored: 'all' })
    return { server, args: ['jetstream', '--host', server.url, '--cursor', 'oldest'] }
  },
  async firehose() {
    const events = RECORDS.map((record, index) => FRAMES.firehose(index + 1, record))
    const server = await fakeFirehose({ events, stored: 'all' })
    return { server, args: ['firehose', '--host', server.url, '--cursor', 'oldest'] }
  },
  async tap() {
    const server = await fakeTap({
      frames: RECORDS.map((record, index) => FRAMES.tap(index + 1, record)),
    })
    return { server, args: ['tap', '--host', server.url] }
  },
}

interface Line {
  readonly commit?: Line
  readonly rkey: string
  readonly record?: unknown
  readonly problem?: string
}

describe.each(['jetstream', 'firehose', 'tap'] as const)('rxjs-atproto %s', (name) => {
  it.each([
    ['0', [] as readonly string[]],
    ['6 with --strict', ['--strict']],
  ])(
    'writes the events of unreadable records without them, says so, and ends with %s',
    async (code, flags) => {
      const { server, args } = await COMMANDS[name]()
      const run = await cli.run([...args, ...flags, '--limit', '5', '-v'])
      await server.close()
      const lines = (linesOf(run.stdout) as readonly Line[]).map((line) => line.commit ?? line)
      expect(lines.map(({ rkey, record, problem }) => [rkey, record ?? problem])).toEqual([
        ['1', { text: 'good' }],
        ['2', 'record-unreadable'],
        ['3', 'record-unreadable'],
        ['4', 'record-unreadable'],
        ['5', { text: 'good' }],
      ])
      expect(
        run.stderr.match(/com\.example\.odd\/\d is written without its record: /g),
      ).toHaveLength(3)
      expect(run.stderr).toContain('3 rejected')
      expect(run.code).toBe(Number.parseInt(code, 10))
    },
  )

  it('continues after them in the next run', async () => {
    if (name === 'tap') return
    const { server, args } = await COMMANDS[name]()
    const file = cli.path(`${name}.json`)
    const rkeys = async (limit: string) => {
      const { stdout, code } = await cli.run([
        ...args,
        '--cursor-file',
        file,
        '--limit',
        limit,
        '-q',
      ])
      expect(code).toBe(0)
      return (linesOf(stdout) as readonly Line[]).map((line) => (line.commit ?? line).rkey)
    }
    expect(await rkeys('3')).toEqual(['1', '2', '3'])
    expect(await rkeys('3')).toEqual(['3', '4', '5'])
    await server.close()
  })
})
