import { runInNewContext } from 'node:vm'
import * as errors from '../../src/errors.js'
import { filesIn, textOf } from './source-files.js'

const {
  ConfigError,
  ConnectionClosedError,
  DuplicateLibraryError,
  FrameError,
  HoldError,
  IngestError,
  RefusedError,
  StreamError,
} = errors

/** One of each class, made as the library makes them. */
const one: Readonly<Record<string, errors.StreamError>> = {
  ConfigError: new ConfigError('jetstream$', [{ option: 'host', message: 'must be a host' }]),
  DuplicateLibraryError: new DuplicateLibraryError(
    { version: '1.0.0', contract: 1 },
    { version: '2.0.0', contract: 2 },
  ),
  ConnectionClosedError: new ConnectionClosedError(1006, ''),
  RefusedError: new RefusedError('refused', { status: 401, body: '' }),
  FrameError: new FrameError('broken'),
  IngestError: new IngestError('failed', {}),
}

type Plain = new (message: string) => errors.StreamError
const classes = Object.entries(errors).filter(
  ([, Class]) => Class !== StreamError,
) as unknown as readonly [string, Plain][]
const all = classes.map(([name, Class]) => one[name] ?? new Class('message'))

const page = textOf('docs/errors.md')
const headings = [...page.matchAll(/^## `?([A-Z_]+)`?$/gm)].map(([, code]) => code ?? '')
const section = (code: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`${code}\n`)) ?? ''

describe('docs/errors.md', () => {
  it('has a heading for every code, and no other, in the order of src/errors.ts', () => {
    const declared = [
      ...textOf('src/errors.ts').matchAll(/^ {2}readonly code = '([A-Z_]+)'/gm),
    ].map(([, code]) => code)
    expect(headings).toEqual(declared)
    expect([...headings].sort()).toEqual(all.map(({ code }) => code).sort())
  })

  it.each(all.map((error) => [error.code, error] as const))(
    'names the class of %s, and whether it is retryable',
    (code, error) => {
      expect(section(code)).toContain(`\`${error.name}\``)
      expect(section(code)).toMatch(
        code === 'REFUSED'
          ? /Retryable: for 408/
          : error.retryable
            ? /Retryable: yes/
            : /Retryable: no/,
      )
    },
  )

  it.each(headings)('says of %s what it means and what to do', (code) => {
    expect(section(code)).toMatch(/\*\*What it means\.\*\* \S/)
    expect(section(code)).toMatch(/\*\*What to do\.\*\* \S/)
  })
})

describe('errors', () => {
  it.each(all.map((error) => [error.code, error] as const))(
    '%s links to its heading and carries its name',
    (code, error) => {
      // A heading's anchor is its text in lower case.
      expect(error.docs).toMatch(new RegExp(`/docs/errors\\.md#${code.toLowerCase()}$`))
      expect(error).toBeInstanceOf(StreamError)
      expect(error.name).toBe(error.constructor.name)
    },
  )

  it('keep their cause', () => {
    const cause = new Error('why')
    expect(new HoldError('message', { cause }).cause).toBe(cause)
  })

  it('are written by JSON.stringify with their message, link and figures', () => {
    const error = new RefusedError('refused', { status: 503, body: 'no', retryAfterMs: 5 })
    const written = JSON.parse(JSON.stringify({ reason: error }))
    expect(written.reason).toEqual({
      name: 'RefusedError',
      code: 'REFUSED',
      message: 'refused',
      docs: error.docs,
      retryable: true,
      status: 503,
      body: 'no',
      retryAfterMs: 5,
    })
  })

  it.each(all.map((error) => [error.code, error] as const))(
    '%s is written with its message and its link',
    (_, error) => {
      const { code, message, docs } = error
      expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code, message, docs })
    },
  )

  it('are written with the message of their cause, and without the event', () => {
    const cause = new Error('why')
    const unreadable = {
      get record() {
        throw new Error('unreadable')
      },
    }
    const written = JSON.parse(JSON.stringify(new IngestError('failed', unreadable, { cause })))
    expect(written).toMatchObject({ code: 'INGEST', message: 'failed', cause: 'why' })
    expect(written).not.toHaveProperty('event')
  })

  it('are written with the message of a cause of another realm', () => {
    const cause: unknown = runInNewContext("new Error('why')")
    expect(JSON.parse(JSON.stringify(new HoldError('message', { cause }))).cause).toBe('why')
  })

  it('are declared in no other file, but for two that never leave the library', () => {
    const elsewhere = filesIn('src').filter((file) => file !== 'src/errors.ts')
    const classes = elsewhere.flatMap((file) =>
      [...textOf(file).matchAll(/class (\w+) extends StreamError\b/g)].map(([, name]) => name),
    )
    expect(classes).toEqual(['Completed', 'Redial'])
    expect(textOf('src/index.ts')).not.toMatch(/Completed|Redial/)
  })
})
