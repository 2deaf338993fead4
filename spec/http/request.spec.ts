import { sendRequest as sendInBrowser } from '../../src/http/browser.js'
import { sendRequest } from '../../src/http/node.js'
import { describeRequests, PlainServer, plain, textOf } from './contract.js'

describeRequests('fetch', sendInBrowser)
describeRequests('node:http', sendRequest)

describe('in workerd, whose `fetch` knows no `redirect: "error"`, a request', () => {
  const { fetch } = globalThis

  beforeAll(() => {
    globalThis.fetch = (url, init) => {
      if (init?.redirect === 'error')
        throw new TypeError('Invalid redirect value, must be one of "follow" or "manual"')
      return fetch(url, init)
    }
  })
  afterAll(() => {
    globalThis.fetch = fetch
  })

  it('is sent, and follows no redirect', async () => {
    await using server = await PlainServer.open((request, response) =>
      request.url === '/moved'
        ? response.writeHead(307, { location: '/' }).end()
        : response.end('here'),
    )
    expect(await textOf(await sendInBrowser(server.url, plain))).toBe('here')
    await expect(sendInBrowser(`${server.url}/moved`, plain)).rejects.toThrow('redirect')
    expect(server.requests.map(({ url }) => url)).toEqual(['/', '/moved'])
  })
})
