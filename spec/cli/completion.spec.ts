import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { completionScript, SHELLS, type Shell } from '../../src/cli/completion/scripts.js'
import { levelsOf } from '../../src/cli/completion/tree.js'
import { Cli } from './cli.js'

const program = new Command('p').version('1').description("It's a program.")
const cursor = program.command('cursor').description('Cursors: files.')
cursor.command('show').argument('<file>', 'a file').option('-j, --json', 'JSON')
program
  .command('read')
  .option('--host <host>', 'a host')
  .option('--replay <file>', 'a file')
  .option('--no-color', 'no colours')

const levels = levelsOf(program)
const isThere = (shell: Shell) => spawnSync(shell, ['--version']).status === 0

describe('the levels of a command line', () => {
  it('are its commands, with their words and flags', () => {
    const told = levels.map(({ at, words, options, takesFile }) => [
      at,
      words.map(({ text }) => text),
      options.map(({ long, value }) => `${long} ${value}`),
      takesFile,
    ])
    expect(told).toEqual([
      ['', ['cursor', 'read', 'help'], ['--version none', '--help none'], false],
      ['/cursor', ['show', 'help'], ['--help none'], false],
      ['/cursor/show', [], ['--json none', '--help none'], true],
      ['/read', [], ['--host text', '--replay file', '--no-color none', '--help none'], false],
    ])
  })
})

describe('the script for bash', () => {
  const script = completionScript('bash', levels)
  /** What Tab would offer after these words. */
  const offered = (...words: readonly string[]) => {
    const line = ['rxjs-atproto', ...words].map((word) => `'${word}'`).join(' ')
    const run = spawnSync('bash', [
      '-c',
      `${script}
      COMP_WORDS=(${line}); COMP_CWORD=${words.length}
      _rxjs_atproto 2> /dev/null; echo "\${COMPREPLY[*]}"`,
    ])
    return run.stdout.toString().trim()
  }

  it('offers commands, and below one its commands and flags', () => {
    expect(offered('')).toBe('cursor read help --version --help')
    expect(offered('c')).toBe('cursor')
    expect(offered('cursor', '')).toBe('show help --help')
    expect(offered('cursor', 'show', '-')).toBe('--json --help')
    expect(offered('read', '--host', 'cursor', '--r')).toBe('--replay')
  })

  it('leaves the value of a flag to the shell', () => {
    expect(offered('read', '--replay', '')).toBe('')
    expect(offered('read', '--host', '')).toBe('')
  })
})

const itIn = (shell: Shell) => (isThere(shell) ? it : it.skip)

describe('the script for zsh', () => {
  itIn('zsh')('offers commands and flags with their help, and files', () => {
    const offered = (...words: readonly string[]) => {
      const line = ['rxjs-atproto', ...words].map((word) => `'${word}'`).join(' ')
      const stubs = `_describe() { print -rl -- $entries }; _files() { print files }; compdef() { }`
      const script = `${stubs}\n${completionScript('zsh', levels)}
        words=(${line}); CURRENT=${words.length + 1}; _rxjs_atproto`
      const run = spawnSync('zsh', ['-f', '-c', script])
      expect(run.stderr.toString()).toBe('')
      return run.stdout.toString().trim().split('\n')
    }
    expect(offered('')).toContain('cursor:Cursors: files.')
    expect(offered('cursor', 'show', '')).toEqual([
      'files',
      '--json:JSON',
      '--help:display help for command',
    ])
    expect(offered('read', '--replay', '')).toEqual(['files'])
    expect(offered('read', '--host', '')).toEqual([''])
  })
})

describe('the script for fish', () => {
  itIn('fish')('offers commands and flags with their help', () => {
    const offered = (line: string) => {
      const script = `${completionScript('fish', levels)}\ncomplete -C ${JSON.stringify(line)}`
      const run = spawnSync('fish', ['--no-config', '-c', script])
      expect(run.stderr.toString()).toBe('')
      return run.stdout.toString().trim().split('\n')
    }
    expect(offered('rxjs-atproto ')).toEqual([
      'cursor\tCursors: files.',
      'help\tdisplay help for command',
      'read',
    ])
    expect(offered('rxjs-atproto cursor show --j')).toEqual(['--json\tJSON'])
    expect(offered('rxjs-atproto read --h')).toEqual([
      '--help\tdisplay help for command',
      '--host\ta host',
    ])
  })
})

describe('rxjs-atproto completion', () => {
  const cli = new Cli()
  beforeAll(() => cli.build())
  afterAll(() => cli.dispose())

  it.each(SHELLS)('writes what %s can read, with every command', async (shell) => {
    const { code, stdout } = await cli.run(['completion', shell])
    expect(code).toBe(0)
    for (const word of ['jetstream', 'from-time', 'CURSOR_STORE', 'cursor-file'])
      expect(stdout).toContain(word)
    if (!isThere(shell)) return
    const path = cli.path(`completion.${shell}`)
    writeFileSync(path, stdout)
    const read = spawnSync(shell, ['-n', path])
    expect([read.status, read.stderr.toString()]).toEqual([0, ''])
  })
})
