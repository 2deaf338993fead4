import fc from 'fast-check'
import { runs } from '../helpers/thick.js'
import { filesIn, textOf } from '../package/source-files.js'

type Library = typeof import('../../src/index.js')

/** The library with the schemas of Node (zod), or with those of a page. */
function libraryWith(schema: 'node' | 'browser'): Library {
  let library: Library | undefined
  jest.isolateModules(() => {
    jest.doMock('#schema', () => jest.requireActual(`../../src/options/schema/${schema}`))
    library = require('../../src/index')
  })
  return library as Library
}

const [inNode, inPage] = [libraryWith('node'), libraryWith('browser')]

const sources = [
  ...(['jetstream$', 'archive$', 'firehose$', 'labels$', 'listRepos$'] as const),
  ...(['tap$', 'tapRepos$'] as const),
] as const
type Source = (typeof sources)[number]

const errorOf = (library: Library, source: Source, config: object): string | undefined => {
  try {
    ;(library[source] as (config: object) => unknown)(config)
    return undefined
  } catch (error) {
    return String(error)
  }
}

const store = { load: async () => undefined, save: async () => {} }
const values = [
  ...[0, -1, 1, 0.5, 5000, 1.7e12, 2 ** 31, 2 ** 60, -(2 ** 60), Number.NaN, Infinity, -Infinity],
  ...['', 'a.b.c', 'a.b.*', 'x y', 'did:plc:abc', 'did:web:a.b', 'live', 'oldest', 'auto', 'full'],
  ...['example.com', 'ftp://x', 'wss://a.test/subscribe', 'user@host', 'localhost:2480', 'skip'],
  ...[null, undefined, true, false, 5n, [], {}, [''], [5, 'x'], ['a.b.c', 'x'], ['did:plc:abc']],
  ...[['commit', 'never'], ['a.test', ''], { ago: 5 }, { ago: -1 }, { ago: '1', or: 2 }],
  ...[{ initialDelayMs: 0, maxDelayMs: -1, jitter: 'some', speed: 1 }, { maxAttempts: 0.5 }],
  ...[{ 'x y': '1', authorization: 5 }, { authorization: 'a\nb' }, { 'a.b.c': {} }, { posts: {} }],
  ...[new Date(0), new Date(Number.NaN), new Date(8e15), new Uint8Array(3), new URL('http://a.b')],
  ...[() => {}, store, { store }, { store: {}, everyMs: 0 }, { store, everyMs: 5, other: 1 }],
  ...[{ apiKey: 'a b' }, { apiKey: 'x', other: 1 }, { addRequest() {} }],
  ...[{ next() {} }, { next: 5 }, { warn() {} }, { warn: 5 }, Object.create(null), new Map()],
]
// All that the sources have, and one that none has.
const names = [
  ...new Set(
    filesIn('src')
      .filter((file) => /(config|filters|by-sequence|each-host|tap-repos|admin)\.ts$/.test(file))
      .flatMap((file) => [...textOf(file).matchAll(/^ {2}readonly (\w+\$?)\?:/gm)])
      .map(([, name = '']) => name),
  ),
  'speed',
]
const anyConfig = fc.dictionary(
  fc.constantFrom(...names),
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...values) }, fc.anything()),
  { maxKeys: 6 },
)

describe('a page checks options without zod, and', () => {
  it('says the same of every config, in one error', () => {
    let mistakes = 0
    fc.assert(
      fc.property(fc.constantFrom(...sources), anyConfig, (source, config) => {
        const expected = errorOf(inNode, source, config)
        mistakes += expected?.split('\n').length ?? 0
        expect(errorOf(inPage, source, config)).toBe(expected)
      }),
      { numRuns: runs(300, 5000) },
    )
    expect(mistakes).toBeGreaterThan(200)
  })

  it.each(names)('says the same of `%s`, whatever its value', (name) => {
    const differing = sources.flatMap((source) =>
      values.flatMap((value) => {
        const config = { [name]: value }
        const [node, page] = [errorOf(inNode, source, config), errorOf(inPage, source, config)]
        return node === page ? [] : [{ source, value, node, page }]
      }),
    )
    expect(differing).toEqual([])
  })
})
