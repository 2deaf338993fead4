import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { HttpsProxyAgent } from 'https-proxy-agent'
import type { HttpAgent as AnyAgent } from '../../src/index.js'
import {
  archive$,
  ConfigError,
  firehose$,
  jetstream$,
  labels$,
  listRepos$,
  tap$,
  tapAdmin,
  tapRepos$,
} from '../../src/index.js'

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'

/** Everything that takes an agent; `host` is a name, without TLS on this machine. */
const CALLS: readonly (readonly [string, (host: string, agent: AnyAgent) => unknown])[] = [
  ['jetstream$', (host, agent) => jetstream$({ host, agent })],
  ['archive$', (host, agent) => archive$({ host, agent })],
  ['firehose$', (host, agent) => firehose$({ host, agent })],
  ['labels$', (host, agent) => labels$({ host, agent })],
  ['listRepos$', (host, agent) => listRepos$({ host, agent })],
  ['tap$', (host, agent) => tap$({ host, agent })],
  ['tapAdmin', (host, agent) => tapAdmin({ host, agent })],
  ['tapRepos$', (host, agent) => tapRepos$({ host, agent, dids: [DID] })],
]

function mistakeIn(call: () => unknown): unknown {
  try {
    call()
    return undefined
  } catch (error) {
    return error
  }
}

it('an `agent` is refused in a page, whose connections would go around it', () => {
  jest.isolateModules(() => {
    jest.doMock('#socket', () => jest.requireActual('../../src/socket/browser'))
    const library: typeof import('../../src/index.js') = require('../../src/index')
    expect(mistakeIn(() => library.jetstream$({ agent: new HttpsAgent() }))).toMatchObject({
      issues: [{ option: 'agent', message: 'has no use on this platform; leave it out' }],
    })
  })
})

describe.each(CALLS)('`agent` of %s', (callee, call) => {
  it.each([
    ['a dispatcher of undici', { dispatch: () => true, destroy: () => undefined }],
    ['the URL of a proxy', 'http://me:sesame@proxy.example:3128'],
    ['null', null],
  ])('is refused where it is %s, which is not shown', (_, agent) => {
    const mistake = mistakeIn(() => call('localhost', agent as never))
    expect(mistake).toBeInstanceOf(ConfigError)
    expect(mistake).toMatchObject({
      callee,
      issues: [
        {
          option: 'agent',
          message:
            'must be an `http.Agent` of Node, such as `https-proxy-agent` gives; ' +
            'a dispatcher is none',
        },
      ],
    })
  })

  it('is refused where it cannot reach a host', () => {
    expect(mistakeIn(() => call('a.example', new HttpAgent()))).toMatchObject({
      callee,
      issues: [
        {
          option: 'agent',
          message: expect.stringMatching(/^cannot reach .*: use an `Agent` of `node:https`$/),
        },
      ],
    })
    expect(mistakeIn(() => call('localhost', new HttpsAgent()))).toMatchObject({
      issues: [{ message: expect.stringMatching(/use an `Agent` of `node:http`$/) }],
    })
  })

  it('is taken where it can', () => {
    for (const [host, agent] of [
      ['localhost', new HttpAgent()],
      ['a.example', new HttpsAgent()],
      ['localhost', new HttpsProxyAgent('http://proxy.example')],
      ['a.example', new HttpsProxyAgent('http://proxy.example')],
    ] as const)
      expect(mistakeIn(() => call(host, agent))).toBeUndefined()
  })
})
