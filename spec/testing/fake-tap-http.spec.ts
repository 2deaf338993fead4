import { request } from 'node:http'
import { fakeTap } from '../../src/testing/index.js'
import { jsonOf } from '../helpers/recordings.js'
import { connect, refusalOf } from './fake-tap-client.js'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** By hand: `fetch` would mend paths and add headers. */
function ask(
  port: number,
  line: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [method, path] = line.split(' ')
  return new Promise((resolve, reject) => {
    const type: Record<string, string> =
      body === undefined ? {} : { 'content-type': 'application/json' }
    const asked = request(
      { host: '127.0.0.1', port, method, path, headers: { ...type, ...headers }, agent: false },
      async (response) => {
        const chunks: Buffer[] = []
        for await (const chunk of response) chunks.push(chunk)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: String(Buffer.concat(chunks)),
        })
      },
    )
    asked.on('error', reject).end(body)
  })
}

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const REFUSED_401 =
  '{"error":"Unauthorized",' +
  '"message":"atproto admin auth required, but missing or incorrect password"}\n'
const ROUTES = [
  'GET /health',
  'POST /repos/add',
  'POST /repos/remove',
  'GET /resolve/did:plc:a',
  'GET /info/did:plc:a',
  'GET /stats/repo-count',
  'GET /channel',
  'GET /nope',
]

describe('the routes of fakeTap', () => {
  it('track what is added, and forget what is removed', async () => {
    await using tap = await fakeTap()
    expect(
      await ask(tap.port, 'POST /repos/add', '{"dids":["did:plc:a","did:plc:b"]}'),
    ).toMatchObject({ status: 200, body: '' })
    await ask(tap.port, 'POST /repos/add', '{"dids":["did:plc:a"]}')
    expect((await ask(tap.port, 'GET /stats/repo-count')).body).toBe('{"repo_count":2}\n')
    expect((await ask(tap.port, 'GET /info/did:plc:a')).body).toBe(
      '{"did":"did:plc:a","error":"","handle":"","records":0,"retries":0,"rev":"",' +
        '"state":"pending"}\n',
    )
    await ask(tap.port, 'POST /repos/remove', '{"dids":["did:plc:a","did:plc:unknown"]}')
    expect((await ask(tap.port, 'GET /info/did:plc:a')).status).toBe(404)
    expect(tap.repos.map(({ did }) => did)).toEqual(['did:plc:b'])
    expect(
      tap.requests.map(({ method, path, status }) => `${method} ${path} ${status}`).slice(0, 2),
    ).toEqual(['POST /repos/add 200', 'POST /repos/add 200'])
  })

  it('remove any number, none included', async () => {
    await using tap = await fakeTap()
    const dids = Array.from({ length: 4_000 }, (_, n) => `did:plc:${n}`)
    expect((await ask(tap.port, 'POST /repos/remove', JSON.stringify({ dids }))).status).toBe(200)
    expect((await ask(tap.port, 'POST /repos/remove', '{"dids":[]}')).status).toBe(200)
  })

  it('resolve what there are documents for, and tell what is tracked', async () => {
    const document = { id: 'did:plc:a', alsoKnownAs: ['at://alice.test'] }
    await using tap = await fakeTap({
      documents: { 'did:plc:a': document },
      repos: [{ did: 'did:plc:a', state: 'active', records: 3 }],
    })
    expect(await ask(tap.port, 'GET /resolve/did:plc:a')).toMatchObject({
      status: 200,
      body: `${JSON.stringify(document)}\n`,
    })
    expect((await ask(tap.port, 'GET /info/did:plc:a')).body).toContain(
      '"records":3,"retries":0,"rev":"","state":"active"',
    )
  })

  it('count what the events brought', async () => {
    await using tap = await fakeTap({ events: 100, generate: { dids: 5, live: false } })
    await using client = await connect(tap.url)
    await client.received(100)
    client.ack(1, 2, 3)
    await tap.acked(3)
    expect((await ask(tap.port, 'GET /stats/outbox-buffer')).body).toBe('{"outbox_buffer":97}\n')
    expect((await ask(tap.port, 'GET /stats/repo-count')).body).toBe('{"repo_count":5}\n')
    const actions = client.messages.map((message) => message.record?.action)
    const records =
      actions.filter((action) => action === 'create').length -
      actions.filter((action) => action === 'delete').length
    expect(records).toBeGreaterThan(50)
    expect((await ask(tap.port, 'GET /stats/record-count')).body).toBe(
      `{"record_count":${records}}\n`,
    )
    expect((await ask(tap.port, 'GET /stats/resync-buffer')).body).toBe('{"resync_buffer":0}\n')
    expect((await ask(tap.port, 'GET /stats/cursors')).body).toBe(
      '{"firehose":0,"list_repos":""}\n',
    )
    expect(await ask(tap.port, 'GET /health')).toMatchObject({
      status: 200,
      body: '{"status":"ok"}\n',
    })
  })

  it.each(ROUTES)('want the password on %s', async (route) => {
    await using tap = await fakeTap({ adminPassword: 'p:ß' })
    for (const wrong of [
      {},
      basic('admin:p'),
      basic('root:p:ß'),
      { authorization: 'Bearer p:ß' },
    ]) {
      const answer = await ask(tap.port, route, undefined, wrong)
      expect(answer).toMatchObject({ status: 401, body: REFUSED_401 })
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json',
        'www-authenticate': 'Basic realm="admin", charset="UTF-8"',
      })
    }
    expect((await ask(tap.port, route, undefined, basic('admin:p:ß'))).status).not.toBe(401)
  })

  it('want it on the upgrade, where it may be in the URL', async () => {
    await using tap = await fakeTap({ adminPassword: 'secret' })
    expect(await refusalOf(tap.url)).toMatchObject({ status: 401, body: REFUSED_401 })
    await using _byHeader = await connect(tap.url, { headers: basic('admin:secret') })
    await using _byUrl = await connect(tap.url.replace('ws://', 'ws://admin:secret@'))
    expect(tap.attempts.map(({ status }) => status)).toEqual([401, 101, 101])
  })

  it('close the channel in webhook mode', async () => {
    await using tap = await fakeTap({ webhook: true })
    expect(await refusalOf(tap.url)).toMatchObject({
      status: 400,
      body: '{"message":"websocket not available in webhook mode"}\n',
    })
    expect((await ask(tap.port, 'GET /channel')).body).toBe(
      '{"message":"websocket not available in webhook mode"}\n',
    )
    expect((await ask(tap.port, 'GET /health')).status).toBe(200)
  })

  it('upgrade on the channel only', async () => {
    await using tap = await fakeTap()
    expect(await refusalOf(`${tap.url}/nope`)).toMatchObject({
      status: 404,
      body: '{"message":"Not Found"}\n',
    })
    expect(tap.attempts).toEqual([])
  })

  it('can be answered by the spec, hang, or be reset', async () => {
    const answers = [
      { status: 503, body: 'soon', headers: { 'retry-after': '1' } },
      'hang',
      'reset',
      undefined,
    ] as const
    let asked = 0
    await using tap = await fakeTap({ intercept: () => answers[asked++] })
    expect(await ask(tap.port, 'GET /health')).toMatchObject({
      status: 503,
      body: 'soon',
      headers: { 'retry-after': '1' },
    })
    const hanging = ask(tap.port, 'GET /health')
    await tap.when(() => tap.requests.length === 2)
    await expect(ask(tap.port, 'GET /health')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect((await ask(tap.port, 'GET /health')).status).toBe(200)
    expect(tap.requests.map(({ status }) => status)).toEqual([503, 0, 0, 200])
    await tap.close()
    await expect(hanging).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

interface Recorded {
  readonly server: string
  readonly what: string
  readonly request: string
  readonly sent?: string
  readonly upgraded?: boolean
  readonly http?: Answer
  readonly close?: { readonly code: number } | null
}

const recorded = jsonOf<readonly Recorded[]>('local/refusals.json').filter(
  ({ server }) => server === 'tap',
)

describe('fakeTap answers what a running Tap answered', () => {
  const plain = recorded.filter(({ http, upgraded }) => http && upgraded === undefined)
  const refused = recorded.filter(({ http, upgraded }) => http && upgraded === false)
  const messages = recorded.filter(({ upgraded, sent }) => upgraded && sent !== undefined)

  it('in all of the recording', () => {
    // and the SIGTERM
    expect(plain.length + refused.length + messages.length).toBe(recorded.length - 1)
  })

  it.each(plain)('to $request: $what', async ({ request: line, what, sent, http }) => {
    await using tap = await fakeTap({
      repos: [{ did: 'did:plc:x1' }],
      ...(what.startsWith('password') ? { adminPassword: 'pw' } : {}),
    })
    const count = /^([\d,]+) DIDs/.exec(what)?.[1]?.replace(',', '')
    const dids = Array.from({ length: Number(count ?? 0) }, (_, n) => `did:plc:x${n}`)
    const type: Record<string, string> =
      what === 'no JSON content type' ? { 'content-type': 'text/plain' } : {}
    const answer = await ask(tap.port, line, count ? JSON.stringify({ dids }) : sent, type)
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: http?.status,
      body: http?.body,
    })
    expect(answer.headers).toMatchObject(http?.headers ?? {})
  })

  it.each(refused)('to an upgrade: $what', async ({ what, http }) => {
    await using tap = await fakeTap(
      what === 'webhook mode' ? { webhook: true } : { adminPassword: 'pw' },
    )
    const answer = await refusalOf(tap.url)
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: http?.status,
      body: http?.body,
    })
    expect(answer.headers).toMatchObject(http?.headers ?? {})
  })

  it.each(messages)('to the message $sent', async ({ sent = '', close }) => {
    await using tap = await fakeTap()
    await using client = await connect(tap.url)
    client.ws.send(sent)
    if (close) expect(await client.ended).toEqual(close)
    else expect(await client.settled()).toEqual([])
  })
})
