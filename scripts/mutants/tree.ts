import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const SHARED = resolve('../shared')
// A mistake may make a loop endless: what takes longer than this does not pass.
const LONGEST_MS = 240_000

/** What a run of specs said. */
export interface SpecRun {
  readonly passed: number
  /** The name of the first spec that failed, or what ended the run. */
  readonly failure: string | undefined
  readonly seconds: number
}

/** A copy of the work tree in which the code may be changed, with the same node_modules. */
export class Tree implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mutants-'))
  readonly #root = join(this.#folder, 'tree')

  constructor() {
    process.once('exit', () => this[Symbol.dispose]())
    const files = execFileSync(
      'git',
      ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
      { encoding: 'utf8' },
    ).split('\0')
    for (const file of files.filter((name) => name !== '' && existsSync(name))) {
      mkdirSync(dirname(join(this.#root, file)), { recursive: true })
      cpSync(file, join(this.#root, file), { verbatimSymlinks: true })
    }
    symlinkSync(resolve('node_modules'), join(this.#root, 'node_modules'))
    // Recorded data that some specs read beside the repository.
    if (existsSync(SHARED)) symlinkSync(SHARED, join(this.#folder, 'shared'))
  }

  read(file: string): string {
    return readFileSync(join(this.#root, file), 'utf8')
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.#root, file), text)
  }

  /**
   * Runs the specs of one file: with several, jest writes no report after a failure that ends the
   * run.
   */
  async run(spec: string, tests: string | undefined): Promise<SpecRun> {
    const report = join(this.#folder, 'report.json')
    rmSync(report, { force: true })
    const began = performance.now()
    const ended = await jest(this.#root, [
      ...[
        '--runTestsByPath',
        spec,
        '--runInBand',
        '--forceExit',
        '--silent',
        '--json',
        `--outputFile=${report}`,
      ],
      `--testEnvironment=${join(this.#root, 'scripts/mutants/fail-fast.cjs')}`,
      ...(tests === undefined ? [] : [`--testNamePattern=${tests}`]),
    ])
    const seconds = (performance.now() - began) / 1000
    if (!existsSync(report)) return { passed: 0, failure: ended, seconds }
    return { ...readReport(readFileSync(report, 'utf8')), seconds }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/**
 * Runs in a process group of its own, so that what the specs started ends with it. Returns how it
 * ended.
 */
async function jest(cwd: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...args], {
    cwd,
    stdio: 'ignore',
    detached: true,
  })
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', end)
  const limit = setTimeout(end, LONGEST_MS)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(limit)
  process.off('exit', end)
  return signal === null
    ? `jest ended with ${code}`
    : `the specs took longer than ${LONGEST_MS / 1000} s`
}

interface SpecReport {
  readonly numPassedTests: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

function readReport(text: string): Pick<SpecRun, 'passed' | 'failure'> {
  const { numPassedTests: passed, success, testResults } = JSON.parse(text) as SpecReport
  if (success) return { passed, failure: undefined }
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed')
  const failure =
    failed?.fullName ?? testResults.find(({ message }) => message !== '')?.message.split('\n')[0]
  return { passed, failure: failure ?? 'jest failed without a failed spec' }
}
