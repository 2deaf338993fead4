import { fakeJetstream, generateEvents } from 'rxjs-atproto/testing'
import { type HostReport, hostTable, remarks } from '../../src/cli/hosts/survey.js'
import { Cli, linesOf } from './cli.js'

const report = (more: Partial<HostReport> = {}): HostReport => ({
  host: 'jetstream.example',
  wires: ['v2', 'v1'],
  handshakeMs: 143.2,
  lagMs: 1250,
  perSecond: 1234.4,
  byName: new Map([['app.bsky.feed.like', 100]]),
  error: undefined,
  ...more,
})

const AWAY = report({
  host: 'away.example',
  wires: [],
  handshakeMs: undefined,
  lagMs: undefined,
  perSecond: undefined,
  byName: new Map(),
  error: 'no connection',
})

describe('the table of hosts', () => {
  it('has wires, latency, lag and rate, and a dash for what is not known', () => {
    expect(hostTable([report(), AWAY], 79)).toEqual([
      'host               wires  handshake    lag  events/s',
      'jetstream.example  v2 v1     143 ms  1.3 s     1,234',
      'away.example       -              -      -         -',
    ])
  })

  it('cuts long hosts to the width', () => {
    const lines = hostTable([report({ host: `${'a'.repeat(90)}.example` })], 79)
    expect(lines.map((line) => line.length)).toEqual([79, 79])
  })

  it('is followed by errors, and by collections that a host alone lacks', () => {
    const blind = report({
      host: 'blind.example',
      byName: new Map([
        ['identity', 30],
        ['account', 19],
      ]),
    })
    const silent = report({ host: 'silent.example', perSecond: 0, byName: new Map() })
    expect(remarks([report(), AWAY, blind, silent])).toEqual([
      'jetstream.example: sent no identity, which others did',
      'away.example: no connection',
      'blind.example: sent no app.bsky.feed.like, which others did',
      'silent.example: open, and sent nothing',
    ])
  })
})

describe('rxjs-atproto hosts', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterEach(() => cli.killAll())
  afterAll(() => cli.dispose())

  it('compares hosts of one wire and of two, and one that is away', async () => {
    const startUs = (Date.now() - 60_000) * 1000
    const events = [...generateEvents({ count: 10_000, startUs, everyUs: 1 })]
    await using two = await fakeJetstream({ server: 'v2', events, stored: 'all' })
    await using one = await fakeJetstream({ events, ratePerSecond: 1000 })
    const hosts = [two.host, one.host, '127.0.0.1:1']
    const { code, stdout, stderr } = await cli.run(['hosts', ...hosts, '--json', '--for', '1s'])
    const reports = linesOf(stdout) as readonly HostReport[]
    expect(reports.map(({ host, wires }) => [host, wires])).toEqual([
      [two.host, ['v2', 'v1']],
      [one.host, ['v1']],
      ['127.0.0.1:1', []],
    ])
    expect(reports[1]?.perSecond).toBeGreaterThan(0)
    expect(reports[1]?.lagMs).toBeGreaterThan(59_000)
    expect(reports[2]?.error).toContain('ECONNREFUSED')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends with 4 where no host is, and with 5 where none sends', async () => {
    const away = await cli.run(['hosts', '127.0.0.1:1'])
    expect(away).toMatchObject({ code: 4, stdout: expect.stringContaining('ECONNREFUSED') })
    await using quiet = await fakeJetstream({ events: 0 })
    const silent = await cli.run(['hosts', quiet.host, '--for', '200ms'])
    expect(silent).toMatchObject({ code: 5, stdout: expect.stringContaining('sent nothing') })
  })
})
