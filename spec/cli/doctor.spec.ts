import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { ConfigError } from 'rxjs-atproto'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { type FakeJetstreamOptions, fakeJetstream } from 'rxjs-atproto/testing'
import { conclusionOf } from '../../src/cli/commands/doctor.js'
import { examine } from '../../src/cli/doctor/examine.js'
import { type Finding, findingLines, well, wrong } from '../../src/cli/doctor/finding.js'
import { checkCursorFile, checkRedis } from '../../src/cli/doctor/machine-checks.js'
import { checkDns, checkProxy, clockFinding } from '../../src/cli/doctor/network-checks.js'
import { offlineReason } from '../../src/cli/doctor/offline.js'
import { checkFirstEvent } from '../../src/cli/doctor/stream-checks.js'
import { PUBLIC_HOSTS } from '../../src/cli/public-hosts.js'
import { checkJetstreamConfig } from '../../src/sources/jetstream/config.js'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { dictionaryOf, ONE } from '../zstd/frames.js'
import { Cli } from './cli.js'
import { tlsProxy } from './tls-proxy.js'

const LIMITS = { handshakeMs: 3000, listenMs: 500, until: 'first event' } as const

async function examined(host: string): Promise<Readonly<Record<string, Finding>>> {
  const { findings, verdict } = examine(host, {}, LIMITS)
  const all = await Promise.all(findings)
  return {
    ...Object.fromEntries(all.map((finding) => [finding.name, finding])),
    verdict: well('verdict', await verdict),
  }
}

const serve = (options: FakeJetstreamOptions) => fakeJetstream({ events: 10_000, ...options })

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('the doctor of a host', () => {
  it('finds all well with both wires, and a dictionary', async () => {
    await using server = await serve({ server: 'v2', dictionary: dictionaryOf(ONE) })
    expect(await examined(server.host)).toMatchObject({
      DNS: { state: 'note' },
      proxy: { state: 'note' },
      TLS: { state: 'note', text: 'none: the host is reached by ws://' },
      'wire v2': { state: 'well', text: expect.stringMatching(/^open after \d+ ms$/) },
      'wire v1': { state: 'well' },
      'first event': { state: 'well', text: expect.stringMatching(/ old, after \d+ ms$/) },
      clock: { state: 'well' },
      zstd: { state: 'well', text: 'decoder: wasm' },
      verdict: { text: 'works' },
    })
  })

  it('finds no fault in a host of one wire', async () => {
    await using server = await serve({ server: 'legacy' })
    const { url } = server
    expect(await examined(url)).toMatchObject({
      'wire v2': { state: 'note', text: 'not tried: the URL names the other wire' },
      'wire v1': { state: 'well' },
      verdict: { text: 'works' },
    })
    expect(await examined(server.host)).toMatchObject({
      'wire v2': { state: 'note', text: 'the host has only the other one' },
      'wire v1': { state: 'well' },
      verdict: { text: 'works' },
    })
  })

  it('names a port on which nothing listens', async () => {
    const found = await examined(`localhost:${await closedPort()}`)
    expect(found).toMatchObject({
      DNS: { state: 'well' },
      'wire v2': { state: 'wrong', remedy: 'nothing listens there: check the host and its port' },
      'wire v1': { state: 'wrong', text: expect.stringContaining('ECONNREFUSED') },
      'first event': { state: 'note' },
      verdict: { text: 'unreachable' },
    })
  })

  it('asks whether a host that hangs up is a Jetstream', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      const remedy = 'the host hangs up without an answer: is it a Jetstream?'
      expect(await examined(`127.0.0.1:${port}`)).toMatchObject({
        'wire v2': { state: 'wrong', remedy },
        'wire v1': { state: 'wrong', remedy },
        verdict: { text: 'unreachable' },
      })
    } finally {
      server.close()
    }
  })

  it('names a certificate that is not trusted', async () => {
    await using server = await serve({})
    await using proxy = await tlsProxy(server.port)
    expect(await examined(`wss://127.0.0.1:${proxy.port}`)).toMatchObject({
      TLS: { state: 'wrong', remedy: expect.stringContaining('NODE_EXTRA_CA_CERTS') },
      'wire v2': { state: 'wrong', remedy: 'see TLS' },
      verdict: { text: 'unreachable' },
    })
  })

  it.each([
    [0, /open and quiet, and has none in its log$/],
    [
      10,
      /^none within 500 ms: the host is open and quiet\. Its log has events, the oldest .+ old$/,
    ],
  ])(
    'does not call a host stuck that has no new event, and %i in its log',
    async (events, text) => {
      await using server = await serve({ server: 'v2', events, stored: 'all' })
      expect(await examined(server.host)).toMatchObject({
        'wire v2': { state: 'well' },
        'first event': {
          state: 'note',
          text: expect.stringMatching(text),
          remedy: expect.stringMatching(/look again/),
        },
        verdict: { text: 'quiet' },
      })
    },
  )

  it('says that an event is of a later time than our clock', async () => {
    const first = Promise.resolve({ event: { kind: 'identity' }, afterMs: 5, ageMs: -2000 })
    const probes = { v1: { first }, v2: undefined } as unknown as Parameters<
      typeof checkFirstEvent
    >[1]
    const openings = { v1: { ms: 1, error: undefined }, v2: undefined }
    expect(await checkFirstEvent('a.example', probes, openings, LIMITS)).toMatchObject({
      state: 'well',
      text: 'identity, of a later time than ours, after 5 ms',
    })
  })

  it('calls a public host stuck that sends nothing', async () => {
    const host = 'jetstream.us-west.bsky.network'
    const probe = { url: new URL(`wss://${host}`), first: Promise.resolve(undefined) }
    const openings = { v1: { ms: 1, error: undefined }, v2: undefined }
    const probes = { v1: probe, v2: undefined } as unknown as Parameters<typeof checkFirstEvent>[1]
    expect(await checkFirstEvent(host, probes, openings, LIMITS)).toMatchObject({
      state: 'wrong',
      text: 'none within 500 ms',
      remedy: expect.stringContaining('stuck'),
    })
  })

  it('names a host that refuses, and one that does not answer', async () => {
    const refuse = { do: 'refuse', status: 403 } as const
    await using closed = await serve({
      faults: [1, 2].map((onConnect) => ({ ...refuse, onConnect })),
    })
    expect(await examined(closed.host)).toMatchObject({
      'wire v2': { state: 'wrong', text: expect.stringContaining('403') },
      verdict: { text: 'unreachable' },
    })
    const hang = { do: 'hang' } as const
    await using stuck = await serve({ faults: [1, 2].map((onConnect) => ({ ...hang, onConnect })) })
    expect(await examined(stuck.host)).toMatchObject({
      'wire v1': { state: 'wrong', remedy: expect.stringContaining('firewall') },
    })
    expect(stuck.fired.length).toBe(2)
  })

  it('needs no DNS where a proxy asks for the name', async () => {
    const environment = { HTTPS_PROXY: 'http://127.0.0.1:1', NODE_USE_ENV_PROXY: '1' }
    const [dns] = examine('nobody.invalid', environment, LIMITS).findings
    expect(await dns).toMatchObject({ state: 'note', text: expect.stringContaining('the proxy') })
  })

  it('refuses a host that is none', () => {
    expect(() => examine('ftp://x', {}, LIMITS)).toThrow(ConfigError)
  })
})

describe('a check of the doctor', () => {
  it('tells a name that nobody knows', async () => {
    const { state, remedy } = await checkDns(new URL('wss://nobody.invalid/'))
    expect([state, remedy]).toEqual(['wrong', expect.stringMatching(/name/)])
  })

  it.each([
    [{}, 'note', 'none'],
    [{ HTTPS_PROXY: 'http://p:1' }, 'note', /counts only with NODE_USE_ENV_PROXY/],
    [{ HTTP_PROXY: 'http://p:1', NODE_USE_ENV_PROXY: '1' }, 'note', 'none'],
    [{ HTTPS_PROXY: 'http://a:b@p:1', NODE_USE_ENV_PROXY: '1' }, 'well', /^http:\/\/p:1 by/],
    [{ https_proxy: 'x', NODE_USE_ENV_PROXY: '1', NO_PROXY: 'a' }, 'well', /unless NO_PROXY \(a/],
  ])('says of the proxy in %j that it is %s: %s', (environment, state, text) => {
    expect(checkProxy(new URL('wss://a.example/'), environment)).toMatchObject({
      state,
      text: typeof text === 'string' ? text : expect.stringMatching(text),
    })
  })

  it.each([
    [900, 'well', 'within 5.0 s of that of the host'],
    [-5001, 'wrong', 'this machine is 5.0 s behind the host'],
    [3_600_000, 'wrong', 'this machine is 1.0 h ahead of the host'],
  ])('says of a clock that is %s ms ahead that it is %s: %s', (aheadMs, state, text) => {
    expect(clockFinding(aheadMs)).toMatchObject({ state, text })
  })

  it('tells a cursor file that can be used from one that cannot', async () => {
    const path = cli.path('cursor.json')
    expect(await checkCursorFile(path)).toMatchObject({ state: 'well', text: /^no position/ })
    await using store = fileCursorStore(path)
    await store.save('a', '24')
    expect(await checkCursorFile(path)).toMatchObject({ state: 'wrong' })
    await store.close()
    expect(await checkCursorFile(path)).toMatchObject({ state: 'well', text: 'at 24' })
    expect(await checkCursorFile(cli.path('none/cursor.json'))).toMatchObject({ state: 'wrong' })
  })

  it('is shown with its mark, and its remedy below', () => {
    const style = { columns: 45, ansi: false }
    expect(
      findingLines(wrong('DNS', 'nobody knows the name of this host', 'check it'), style),
    ).toEqual([
      '  ✗ DNS          nobody knows the name of',
      '                 this host',
      '                 → check it',
    ])
    expect(findingLines(well('DNS', 'a'), { ...style, ansi: true })).toEqual([
      '  \u001b[32m✓\u001b[0m DNS          a',
    ])
  })

  it('leads to an exit code: one host that works is enough', () => {
    const broken = [wrong('Redis', 'a', 'b'), well('cursor file', 'c')]
    expect(conclusionOf(['unreachable', 'works'], [])[1]).toBe(0)
    expect(conclusionOf(['works'], broken)).toEqual([expect.stringContaining('Redis'), 3])
    expect(conclusionOf(['unreachable'], broken)[1]).toBe(4)
    expect(conclusionOf(['unreachable', 'silent'], [])[1]).toBe(5)
    expect(conclusionOf(['silent', 'quiet'], [])).toEqual([expect.stringContaining('wait'), 0])
    expect(conclusionOf(['quiet'], broken)[1]).toBe(3)
  })

  it('says that the machine has no network', () => {
    const unknown = wrong('DNS', 'nobody knows it', 'check it')
    const [lo, eth0] = [true, false].map((internal) => [{ internal }] as never)
    expect(offlineReason([unknown], { lo })).toBe('only its loopback interface is up')
    expect(offlineReason([unknown, unknown], { lo, eth0 })).toMatch(/^no name of a host/)
    expect(offlineReason([unknown], { lo, eth0 })).toBeUndefined()
    expect(offlineReason([unknown, well('DNS', 'a')], { lo, eth0 })).toBeUndefined()
    expect(offlineReason([well('DNS', 'localhost')], { lo })).toBeUndefined()
    expect(conclusionOf(['unreachable'], [], 'only lo')).toEqual([
      'A stream would not connect. This machine seems to have no network: only lo.',
      4,
    ])
  })
})

describeRedis('the doctor of a Redis', () => {
  it('tells a Redis that answers from one that does not', async () => {
    await using redis = await redisServer()
    expect(await checkRedis(redis.url)).toMatchObject({ state: 'well' })
    expect(await checkRedis(`redis://127.0.0.1:${await closedPort()}`)).toMatchObject({
      state: 'wrong',
      text: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

it('the public hosts are those of jetstream$', () => {
  expect(checkJetstreamConfig({}).hosts).toEqual(PUBLIC_HOSTS.map((host) => `wss://${host}/`))
})

const cli = new Cli()
beforeAll(() => cli.build())
afterEach(() => cli.killAll())
afterAll(() => cli.dispose())

describe('rxjs-atproto doctor', () => {
  it('writes a line for each check, and ends with 0 when a stream would work', async () => {
    await using server = await serve({ server: 'v2' })
    const { code, stdout, stderr } = await cli.run(['doctor', server.host])
    const names = [...stdout.matchAll(/^ {2}[✓✗–] ([\w ]+?) {2}/gm)].map(([, name]) => name)
    expect(names).toEqual([
      'DNS',
      'proxy',
      'TLS',
      'wire v2',
      'wire v1',
      'first event',
      'clock',
      'zstd',
    ])
    expect(stdout).toMatch(/\nA stream would work\.\n$/)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends with 3 for a host that is none', async () => {
    const { code, stderr } = await cli.run(['doctor', 'ftp://x'])
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: expect.stringMatching(/^error: CONFIG: the host .*ftp:\/\/x/),
    })
  })
})
