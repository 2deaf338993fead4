import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, textOf } from './source-files.js'

const [FUNCTIONS = ''] = textOf('.ci/run').split('# --- The run ---')

const JEST = {
  testResults: [
    {
      name: 'spec/kept.spec.ts',
      status: 'passed',
      assertionResults: [{ fullName: 'a store keeps', status: 'passed', failureMessages: [] }],
    },
    {
      name: 'spec/lost.spec.ts',
      status: 'failed',
      assertionResults: [
        { fullName: 'a store keeps', status: 'passed', failureMessages: [] },
        {
          fullName: 'a store loses',
          status: 'failed',
          failureMessages: ['\u001b[31mExpected: 1\u001b[39m\n\nReceived: 2\n    at line 3'],
        },
      ],
    },
    { name: 'spec/unread.spec.ts', status: 'failed', message: 'Cannot find module' },
  ],
}

const describeHere = process.platform === 'win32' ? describe.skip : describe

describeHere('the checks of a change', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ci-run-'))
    for (const name of ['.ci', '.tmp/ci']) mkdirSync(join(folder, name), { recursive: true })
    symlinkSync(join(ROOT, 'scripts'), join(folder, 'scripts'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Runs `.ci/run` with other steps, and returns its exit code and what comes after the last. */
  function endOf(steps: string): readonly [code: number | null, lines: readonly string[]] {
    writeFileSync(join(folder, '.ci/run'), `${FUNCTIONS}\n${steps}\necho 'the end'\n`)
    const { status, stdout } = spawnSync('bash', [join(folder, '.ci/run')], { encoding: 'utf8' })
    return [status, stdout.slice(stdout.lastIndexOf('the end')).trim().split('\n').slice(1)]
  }

  it('never run a step in a condition, where a command that fails would not end it', () => {
    const wrong = textOf('.ci/run').match(/^\s*(if|while|until|!) step .*|^\s*step .*(\|\||&&).*/gm)
    expect(wrong).toBeNull()
  })

  it('end with the counts alone where nothing failed', () => {
    expect(endOf("step 'good' true")).toEqual([0, ['', '1 passed, 0 failed, 0 skipped']])
  })

  it('end with the steps that failed and their last lines, and go on after each', () => {
    const steps = [
      'bad() { echo so; false; echo unreached; }',
      "step 'bad one' bad",
      "step 'good' true",
      'worse() { seq 100; exit 7; }',
      "step 'worse one' worse",
    ]
    const [code, lines] = endOf(steps.join('\n'))
    expect(code).toBe(1)
    expect(lines.slice(0, 5)).toEqual([
      '',
      '=== what failed',
      'step: bad one (exit code 1)',
      '    so',
      'step: worse one (exit code 7)',
    ])
    expect(lines.at(-3)).toBe('    100')
    expect(lines.at(-1)).toBe('1 passed, 2 failed, 0 skipped')
  })

  it('end with each spec that failed, by file, name and message', () => {
    writeFileSync(
      join(folder, '.tmp/ci/jest.json'),
      JSON.stringify({
        ...JEST,
        numPassedTests: 2,
        numFailedTests: 1,
        numRuntimeErrorTestSuites: 1,
        numPendingTests: 3,
        numTodoTests: 0,
      }),
    )
    expect(endOf('count_specs 1')).toEqual([
      1,
      [
        '',
        '=== what failed',
        'npm test: 2 failed (exit code 1)',
        'spec: spec/lost.spec.ts: a store loses',
        '    Expected: 1',
        '    Received: 2',
        '        at line 3',
        'spec: spec/unread.spec.ts',
        '    Cannot find module',
        '',
        '2 passed, 2 failed, 3 skipped',
      ],
    ])
  })

  it('fail where they end within a step', () => {
    writeFileSync(join(folder, '.tmp/ci/step.log'), 'half a line\n')
    const [code, lines] = endOf("echo 'the end'; current=lint; exit 3")
    expect(code).toBe(1)
    expect(lines).toEqual([
      '',
      '=== what failed',
      'ended with exit code 3 in the step: lint',
      '    half a line',
      '',
      '0 passed, 1 failed, 0 skipped',
    ])
  })
})
