import {
  didsOf,
  directoryOf,
  HandleError,
  type HandleSources,
  network,
  withDids,
} from '../../src/cli/handles.js'
import { documentUrl } from '../../src/cli/identity.js'

const ALICE = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const BOB = 'did:web:bob.example'

const documentOf = (id: string, ...handles: readonly string[]): string =>
  JSON.stringify({ id, alsoKnownAs: handles.map((handle) => `at://${handle}`) })

const failing = (code: string) => (): Promise<never> =>
  Promise.reject(Object.assign(new Error(code), { code }))
const page = (text: string) => (): Promise<string> => Promise.resolve(text)
const sources = (of: Partial<HandleSources>): HandleSources => ({
  txt: failing('ENODATA'),
  wellKnown: failing('status 404'),
  document: async (did) => documentOf(did, did === BOB ? 'bob.example' : 'alice.example'),
  ...of,
})

describe('a handle', () => {
  it('is the DID of its TXT record, else of its well-known text', async () => {
    const txt = async () => ['v=spf1 -all', `did=${ALICE}`]
    const wellKnown = async () => `${BOB}\n`
    expect(await didsOf(['alice.example'], sources({ txt, wellKnown }))).toEqual([ALICE])
    expect(await didsOf(['@Bob.example'], sources({ wellKnown }))).toEqual([BOB])
  })

  it('is asked for in lower case, and DIDs and other texts are not', async () => {
    const asked: string[] = []
    const txt = async (handle: string) => {
      asked.push(handle)
      return [`did=${ALICE}`]
    }
    const names = ['Alice.Example', ALICE, 'alice', 'did:x', 'a..b', '127.0.0.1', 'a.example/b']
    expect(await didsOf(names, sources({ txt }))).toEqual([ALICE, ...names.slice(1)])
    expect(asked).toEqual(['alice.example'])
  })

  it.each([
    [{}, /alice\.example has no DID \(DNS: ENODATA; HTTPS: status 404\)/],
    [{ txt: async () => [`did=${ALICE}`, `did=${BOB}`] }, /DNS: several records begin with did=/],
    [{ txt: async () => ['did=nonsense'] }, /DNS: "nonsense" is no DID/],
    [{ wellKnown: async () => '<html>' }, /HTTPS: "<html>" is no DID/],
  ] as const)('without a DID is an error that says why: %#', async (of, message) => {
    const failure = didsOf(['alice.example'], sources(of))
    await expect(failure).rejects.toThrow(HandleError)
    await expect(failure).rejects.toThrow(message)
  })
})

describe('the document of a DID', () => {
  const txt = async () => [`did=${ALICE}`]

  it('names the handle by the first that is valid, in any case', async () => {
    const document = async (did: string) =>
      JSON.stringify({
        id: did,
        alsoKnownAs: ['https://x.example', 'at://no_handle', 'at://Alice.Example', 'at://b.c'],
      })
    expect(await didsOf(['alice.example'], sources({ txt, document }))).toEqual([ALICE])
  })

  it.each([
    [page(documentOf(ALICE, 'eve.example')), /names the handle eve\.example; if that/],
    [page(documentOf(ALICE, 'eve.example', 'alice.example')), /the handle eve\.example/],
    [page(documentOf(ALICE)), /whose document names no handle/],
    [page(documentOf(BOB, 'alice.example')), /\(it is the document of another DID\)/],
    [page('<html>'), /cannot be read \(/],
    [failing('ECONNREFUSED'), /cannot be read \(ECONNREFUSED\); --plc names another/],
  ] as const)('that does not name the handle back is an error: %#', async (document, message) => {
    const failure = didsOf(['alice.example'], sources({ txt, document }))
    await expect(failure).rejects.toThrow(HandleError)
    await expect(failure).rejects.toThrow(message)
  })

  it.each([
    [ALICE, `https://plc.example/${ALICE}`],
    [BOB, 'https://bob.example/.well-known/did.json'],
    ['did:web:localhost%3A2583', undefined],
    ['did:web:a.example:path', undefined],
    ['did:key:z', undefined],
  ])('of %s is at %s', (did, url) => {
    if (url === undefined) expect(() => documentUrl(did, 'https://plc.example/')).toThrow(did)
    else expect(documentUrl(did, 'https://plc.example/')).toBe(url)
  })

  it('is asked of the directory that --plc names, or the environment', () => {
    const environment = { ATP_PLC_HOST: 'http://b' }
    expect(directoryOf({ plc: 'http://a' }, environment)).toBe('http://a')
    expect(directoryOf({}, environment)).toBe('http://b')
    expect(directoryOf({}, {})).toBe('https://plc.directory')
  })
})

describe('the well-known text', () => {
  afterEach(() => jest.restoreAllMocks())
  const answer = (body: BodyInit, status = 200) =>
    jest.spyOn(globalThis, 'fetch').mockResolvedValue(new Response(body, { status }))

  it('is read over HTTPS, and not from an error page', async () => {
    const fetched = answer(ALICE)
    expect(await network().wellKnown('alice.example')).toBe(ALICE)
    expect(fetched.mock.calls[0]?.[0]).toBe('https://alice.example/.well-known/atproto-did')
    answer(ALICE, 404)
    await expect(network().wellKnown('alice.example')).rejects.toThrow('status 404')
  })

  it('is not read to its end where it has none', async () => {
    let pulls = 0
    const endless = new ReadableStream({
      pull(controller) {
        pulls += 1
        controller.enqueue(new Uint8Array(1024))
      },
    })
    answer(endless as unknown as BodyInit)
    await expect(network().wellKnown('alice.example')).rejects.toThrow(/more than 4096 bytes/)
    expect(pulls).toBeLessThan(10)
  })
})

describe('--dids', () => {
  const run = async (dids: readonly string[], of: Partial<HandleSources>) => {
    let written = ''
    const stderr = { write: (text: string) => (written += text) }
    let given: readonly string[] | undefined
    const code = await withDids(
      { dids, color: false },
      { stderr, environment: {} },
      async (options) => {
        given = options.dids
        return 0
      },
      sources(of),
    )
    return { code, written, given }
  }

  it('takes handles, and says whose they are', async () => {
    const txt = async () => [`did=${ALICE}`]
    expect(await run([BOB, 'alice.example'], { txt })).toEqual({
      code: 0,
      written: `alice.example is ${ALICE}\n`,
      given: [BOB, ALICE],
    })
  })

  it('ends with 3 for a handle without a DID, and reads nothing', async () => {
    expect(await run(['alice.example'], {})).toEqual({
      code: 3,
      written: expect.stringMatching(
        /^error: CONFIG: --dids: the handle alice\.example has no DID/,
      ),
      given: undefined,
    })
  })
})
