import { writeFileSync } from 'node:fs'
import { fakeJetstream, fakeRepos } from '../../src/testing/index.js'
import { HttpProxy } from '../helpers/http-proxy.js'
import { CERTIFICATE } from '../socket/certificate.js'
import { tlsFront } from '../socket/servers.js'
import { Cli, linesOf } from './cli.js'

const cli = new Cli()
beforeAll(() => cli.build())
afterAll(() => cli.dispose())

/** A company's network: a proxy with a password, and an authority of its own. */
function company(proxy: HttpProxy) {
  const authority = cli.path('authority.pem')
  writeFileSync(authority, CERTIFICATE)
  return {
    ...process.env,
    NODE_USE_ENV_PROXY: '1',
    HTTPS_PROXY: proxy.url,
    NODE_EXTRA_CA_CERTS: authority,
  }
}

describe('behind a proxy of the environment, over TLS with a private authority,', () => {
  it('a stream is read', async () => {
    await using server = await fakeJetstream({ events: 20, stored: 'all' })
    await using front = await tlsFront(server.url, CERTIFICATE)
    await using proxy = await HttpProxy.open({ credentials: 'me:p%40ss' })
    const args = ['jetstream', '--host', front.url, '--cursor', 'oldest', '--limit', '5']
    const { code, stdout, stderr } = await cli.run(args, { env: company(proxy) })
    expect([code, stderr.includes('p%40ss'), linesOf(stdout).length]).toEqual([0, false, 5])
    expect(new Set(proxy.requests)).toEqual(new Set([`CONNECT ${new URL(front.url).host}`]))
  })

  it('a list is read, over one tunnel through a proxy that speaks TLS itself', async () => {
    await using server = await fakeRepos({ repos: 25 })
    await using front = await tlsFront(server.url, CERTIFICATE)
    await using proxy = await HttpProxy.open({ credentials: 'me:p%40ss', secure: true })
    const args = ['repos', '--host', front.url, '--page-size', '10']
    const { code, stdout } = await cli.run(args, { env: company(proxy) })
    expect([code, linesOf(stdout).length]).toEqual([0, 25])
    expect(proxy.requests).toEqual([`CONNECT ${new URL(front.url).host}`])
  })

  it('another password ends the program with the name of the proxy', async () => {
    await using proxy = await HttpProxy.open({ credentials: 'me:right' })
    const env = company(proxy)
    env.HTTPS_PROXY = proxy.url.replace('right', 'sesame')
    const args = ['jetstream', '--host', 'server.example', '--limit', '5']
    const { code, stderr } = await cli.run(args, { env })
    expect(code).toBe(4)
    expect(stderr).toContain(`PROXY: the proxy ${proxy.origin} (HTTPS_PROXY) answered 407`)
    expect(stderr).not.toContain('sesame')
  })
})
