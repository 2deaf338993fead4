import {
  ConfigError,
  type ListReposConfig,
  listRepos$,
  memoryCursorStore,
  streamMetrics,
} from '../../../src/index.js'
import { checkListReposConfig } from '../../../src/sources/repos/config.js'

const issuesOf = (config: unknown): readonly string[] => {
  try {
    listRepos$(config as ListReposConfig)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ option, message }) => `${option} ${message}`)
  }
}
const hostsOf = (host: string | readonly string[]) =>
  checkListReposConfig({ host }).map((options) => options.host)

describe('the config of listRepos$', () => {
  it('is good as it is, and lists the public relay', () => {
    expect(issuesOf({})).toEqual([])
    const [options] = checkListReposConfig({})
    expect(options).toMatchObject({
      host: 'https://relay1.us-east.bsky.network/xrpc/com.atproto.sync.listRepos',
      limit: 1000,
      onCompleted: 'complete',
      request: { timeoutMs: 30_000, maxPageBytes: 5_242_880 },
    })
  })

  it('takes a host in every form', () => {
    expect(hostsOf('pds.example')).toEqual(['https://pds.example/xrpc/com.atproto.sync.listRepos'])
    expect(hostsOf('localhost:2583')).toEqual([
      'http://localhost:2583/xrpc/com.atproto.sync.listRepos',
    ])
    expect(hostsOf(['http://a.example', 'wss://b.example/'])).toEqual([
      'http://a.example/xrpc/com.atproto.sync.listRepos',
      'https://b.example/xrpc/com.atproto.sync.listRepos',
    ])
    expect(hostsOf('https://proxy.example/relay/list')).toEqual([
      'https://proxy.example/relay/list',
    ])
  })

  it('names every mistake at once', () => {
    expect(
      issuesOf({
        host: 7,
        limit: 0,
        cursor: '',
        onCompleted: 'again',
        timeoutMs: -1,
        maxPageBytes: 0,
        checkpoint: 1,
        wire: 'v1',
        reconnect: { jitter: 'some' },
      }),
    ).toEqual([
      expect.stringMatching(/^host must be a host name/),
      expect.stringMatching(/^reconnect.jitter must be/),
      expect.stringMatching(/^checkpoint must be a cursor store/),
      'limit must be a whole number from 1 to 1000, not 0',
      'cursor must not be empty, not ""',
      "onCompleted must be 'complete' or 'restart', not \"again\"",
      expect.stringMatching(/^timeoutMs must be above 0/),
      expect.stringMatching(/^maxPageBytes must be a whole number above 0/),
      'wire is not an option',
    ])
    expect(issuesOf({ limit: 1001 })).toEqual([
      'limit must be a whole number from 1 to 1000, not 1001',
    ])
  })

  it('refuses a host twice, and what several hosts cannot share', () => {
    expect(issuesOf({ host: ['a.example', 'https://a.example'] })).toEqual([
      'host names a host twice',
    ])
    expect(
      issuesOf({ host: ['a.example', 'b.example'], cursor: '5', metrics$: streamMetrics() }),
    ).toEqual([
      expect.stringMatching(/^metrics\$ must be a function of the host/),
      'cursor belongs to one host, and there are several',
    ])
    expect(issuesOf({ host: 'me:secret@a.example' }).join()).not.toContain('secret')
  })

  it('refuses an `external` checkpoint, whose pages nobody would store', () => {
    expect(issuesOf({ checkpoint: { store: memoryCursorStore(), external: true } })).toEqual([
      'checkpoint.external is not possible here: no operator tells a page to store',
    ])
  })
})
