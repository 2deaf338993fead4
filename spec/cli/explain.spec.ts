import { renderMarkdown } from '../../src/cli/markdown.js'
import { sectionsOf } from '../../src/cli/pages.js'
import { filesIn, textOf } from '../package/source-files.js'
import { Cli } from './cli.js'

const NARROW = { columns: 20, ansi: false }

describe('a section of a page', () => {
  it('is what stands under the heading of a code, up to the next heading', () => {
    const page =
      '# Page\n\nIntro.\n\n## ONE\n\nFirst.\n\n### TWO_B\n\nSecond.\n\n## Other\n\nText.\n'
    expect(sectionsOf(page)).toEqual([
      ['ONE', 'First.'],
      ['TWO_B', 'Second.'],
    ])
  })
})

describe('the text of a page', () => {
  it.each([
    ['one two three\nfour five six', 'one two three four\nfive six'],
    ['- one two three four five\n- six', '- one two three four\n  five\n- six'],
    ['a `code`, a [link](x.md#y)', 'a code, a link'],
    ['**one two three** four', 'one two three four'],
    ['```ts\nconst a = 1 // as it is written\n```', '  const a = 1 // as it is written'],
    ['one\n\ntwo', 'one\n\ntwo'],
    ['https://example.com/longer', 'https://example.com/longer'],
  ])('of %j fits the width', (markdown, text) => {
    expect(renderMarkdown(markdown, NARROW)).toBe(text)
  })

  it('shows what is bold in bold, which takes no width', () => {
    expect(renderMarkdown('**one two three** four', { columns: 20, ansi: true })).toBe(
      '\u001b[1mone two three\u001b[22m four',
    )
  })
})

describe('rxjs-atproto explain', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterEach(() => cli.killAll())
  afterAll(() => cli.dispose())

  it('lists every code of the library and the command line, with what it means', async () => {
    const files = ['src/errors.ts', ...filesIn('src/cli')]
    const declared = files.flatMap((file) =>
      [...textOf(file).matchAll(/^ {2}readonly code = '([A-Z_]+)'/gm)].map(([, code]) => code),
    )
    const { code, stdout } = await cli.run(['explain'])
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(declared.sort())
    expect(stdout).toMatch(
      /^CONNECT_TIMEOUT +The handshake did not end within connectTimeoutMs\.$/m,
    )
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(code).toBe(0)
  })

  it('says what a code means and what to do, also in lower case', async () => {
    const { code, stdout, stderr } = await cli.run(['explain', 'cursor_store'])
    expect(stdout).toMatch(/^CURSOR_STORE\n\nCursorStoreError\. .*\n\nWhat it means\. .*a lock/s)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends with 2 for another word, and lists the known ones', async () => {
    const { code, stdout, stderr } = await cli.run(['explain', 'NONE'])
    expect(stderr).toMatch(/^error: there is no code NONE.*\n(.*\n)* {2}CONNECT\n/)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})
