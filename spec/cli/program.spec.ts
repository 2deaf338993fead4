import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileCursorStore } from 'rxjs-atproto/cursors/file'
import { runProgram } from '../../src/cli/program.js'

/** What the command line says to these words on stderr, and its exit code. */
async function said(...words: readonly string[]): Promise<readonly [code: number, text: string]> {
  let text = ''
  const write = (part: unknown): boolean => {
    text += String(part)
    return true
  }
  const spies = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation(write),
  )
  const code = await runProgram(['node', 'cli', ...words], { stderr: { write }, environment: {} })
  for (const spy of spies) spy.mockRestore()
  return [code, text]
}

/** Examples that read a text of events that may have none: other kinds, and deletes. */
const examplesWithNulls = (help: string): readonly string[] =>
  [...help.replaceAll(/ \\\n +/g, ' ').matchAll(/^ {2}\$ (.*jq .*record.*)$/gm)].flatMap(
    ([, example = '']) =>
      example.includes('// empty') &&
      (example.includes('--kinds commit') || /-atproto tap|gzip/.test(example))
        ? []
        : [example],
  )

describe('the command line', () => {
  it('suggests the command that was meant, also after `help`', async () => {
    const [code, text] = await said('help', 'jetstrem')
    expect(text).toContain("error: unknown command 'jetstrem'\n(Did you mean jetstream?)")
    expect(code).toBe(2)
    expect(await said('help', 'jetstream')).toEqual([0, expect.stringContaining('Usage: ')])
  })

  it('says how two hosts are written', async () => {
    const [code, text] = await said('jetstream', '--host', 'a', 'b')
    expect(text).toContain('too many arguments')
    expect(text).toContain('--host a,b or --host a --host b')
    expect(code).toBe(2)
  })

  it('names the argument that is wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cursor-'))
    const path = join(folder, 'c.json')
    const store = fileCursorStore(path)
    await store.save('firehose wss://a/', '{"host":"wss://a/","position":4,"time_us":0}')
    await store.close()
    const text = "error: <position> 'abc' is invalid. Write the number of a position.\n"
    expect(await said('cursor', 'set', path, 'abc')).toEqual([2, text])
    rmSync(folder, { recursive: true })
  })

  it.each([
    [['--name', 'posts'], /--name names the stream of a --cursor-file: give both/],
    [['--cursor-file', 'c', '--on-filter-change', 'backfill'], /needs a --name/],
    [['--on-filter-change', 'other'], /Allowed choices are resume, backfill/],
  ])('refuses jetstream with %j', async (flags, message) => {
    expect(await said('jetstream', ...flags)).toEqual([2, expect.stringMatching(message)])
  })

  it('has no help that is wider than 80 columns, nor an example that prints null', async () => {
    const [, help] = await said('--help')
    const commands = [...help.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name = '']) => [name])
    expect(commands.length).toBeGreaterThan(10)
    const nested = ['show', 'set', 'from-time'].map((name) => ['cursor', name])
    for (const words of [[], ...commands, ...nested, ['tap', 'repos', 'add']]) {
      const [, text] = await said(...words, '--help')
      expect(examplesWithNulls(text)).toEqual([])
      const wide = text.split('\n').filter((line) => line.length > 80)
      expect({ words, wide }).toEqual({ words, wide: [] })
    }
  })
})
