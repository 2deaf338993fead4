import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { filesIn } from '../package/source-files.js'

const ROOT = resolve(__dirname, '../..')
const TEMPORARY = join(ROOT, '.tmp')

/** Where there is no terminal to be had, the specs of one are skipped, and say so. */
export const itOnTerminal = spawnSync('script', ['--version']).status === 0 ? it : it.skip

/** How a child ended, and all that it said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * The command line, built once for all specs of these sources, and its children, which do not
 * outlive it.
 */
export class Cli {
  readonly folder: string
  #main = ''
  readonly #children = new Set<ChildProcess>()

  constructor() {
    mkdirSync(TEMPORARY, { recursive: true })
    this.folder = mkdtempSync(join(TEMPORARY, 'cli-'))
  }

  get main(): string {
    if (this.#main === '') throw new Error('it is not built yet')
    return this.#main
  }

  async build(): Promise<void> {
    this.#main = await builtCommand()
  }

  /** Starts it, and leaves its streams to the spec. */
  start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.#spawned(process.execPath, [this.main, ...args], options)
  }

  /** Runs it to its end. */
  run(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
    return ended(this.start(args, options))
  }

  /** Runs a line of bash in which `$CLI` is the command. */
  shell(line: string): Promise<Ended> {
    const CLI = `${process.execPath} ${this.main}`
    return ended(this.#spawned('bash', ['-c', line], { env: { ...process.env, CLI } }))
  }

  /** Runs it on a terminal of its own, which shows both of its streams. */
  onTerminal(args: readonly string[]): Promise<Ended> {
    return ended(
      this.#spawned(
        'script',
        ['-qec', [process.execPath, this.main, ...args].join(' '), '/dev/null'],
        {},
      ),
    )
  }

  /**
   * Runs the examples of a command's help, each at a host and in a folder of its own, until it has
   * written some lines.
   */
  async runExamples(
    command: string,
    serve: () => Promise<{ readonly url: string }>,
  ): Promise<void> {
    const { stdout: help } = await this.run([command, '--help'])
    const examples = [...help.replaceAll(/ \\\n +/g, ' ').matchAll(/^ {2}\$ (.*)$/gm)].map(
      ([, line = '']) => line,
    )
    expect(examples.length).toBeGreaterThan(1)
    for (const example of examples) {
      const { url } = await serve()
      const line = example
        .replace(/ --host \S+/, '')
        .replace(`rxjs-atproto ${command}`, `$CLI ${command} -q --host ${url} --limit 10`)
      const [, file] = />+ (\S+)$/.exec(line) ?? []
      const jq = 'command -v jq > /dev/null || jq() { cat; }'
      const folder = mkdtempSync(this.path('example-'))
      const show = file === undefined ? '' : `; cat ${file}`
      const ran = await this.shell(`set -eo pipefail; cd ${folder}; ${jq}; ${line}${show}`)
      expect({ example, ...ran }).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringMatching(/^.+\n/),
      })
    }
  }

  /** A path for a file of the spec's own. */
  path(name: string): string {
    return join(this.folder, name)
  }

  killAll(): void {
    for (const child of this.#children) killGroup(child)
  }

  dispose(): void {
    this.killAll()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #spawned(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...options,
    })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    return child
  }
}

/**
 * The file of the command. Its name is a hash of all sources, so that spec files, which run side by
 * side, build it once.
 */
async function builtCommand(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of filesIn('src').toSorted())
    hash.update(file).update(readFileSync(join(ROOT, file)))
  const path = join(TEMPORARY, `command-${hash.digest('hex').slice(0, 16)}.mjs`)
  if (existsSync(path)) return path
  for (const old of readdirSync(TEMPORARY))
    if (isOldCommand(old)) rmSync(join(TEMPORARY, old), { force: true })
  const own = join(TEMPORARY, `command-${process.pid}.mjs`)
  await build({
    entryPoints: [join(ROOT, 'src/cli/main.ts')],
    outfile: own,
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { '#socket': join(ROOT, 'src/socket/node.ts') },
    banner: {
      js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
    },
    logLevel: 'error',
  })
  // Whole or not at all, whoever looks meanwhile.
  renameSync(own, path)
  return path
}

const DAY_MS = 86_400_000

function isOldCommand(name: string): boolean {
  if (!name.startsWith('command-')) return false
  const file = statSync(join(TEMPORARY, name), { throwIfNoEntry: false })
  return file !== undefined && file.mtimeMs < Date.now() - DAY_MS
}

/** With what it started itself: a grandchild that lives on would hold our pipes open. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: await stdout, stderr: await stderr }
}

/** The first line on stderr that `wanted` takes; it must not have been read from before. */
export async function lineOf(
  stream: NodeJS.ReadableStream | null,
  wanted: (line: string) => boolean,
): Promise<string> {
  if (stream === null) throw new Error('the child has no such stream')
  for await (const line of createInterface({ input: stream })) if (wanted(line)) return line
  throw new Error('the child ended without that line')
}

/** Each line as the value it is; a line that is no JSON throws. */
export const linesOf = (ndjson: string): readonly unknown[] =>
  ndjson
    .split('\n')
    .flatMap((line, index, all) =>
      index === all.length - 1 && line === '' ? [] : [JSON.parse(line)],
    )

export async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  if (stream === null) return all
  stream.setEncoding('utf8')
  for await (const chunk of stream) all += chunk
  return all
}
