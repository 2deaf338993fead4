/**
 * Applies each mutant to a copy of the work tree and runs the specs that concern it. A mutant that
 * they do not notice has survived: a spec is missing. Ends with a line of counts, and with 1 where
 * one survived.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { transform } from 'esbuild'
import { MUTANTS } from './list/index.js'
import { type Mutant, mutated } from './mutant.js'
import { type SpecRun, Tree } from './tree.js'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    sample: { type: 'string' },
    jobs: { type: 'string', default: `${Math.min(2, availableParallelism())}` },
    list: { type: 'boolean', default: false },
  },
})

// Specs without a mistake, by what was run.
const soundRuns = new Map<string, Promise<SpecRun>>()

type MutantVerdict = 'killed' | 'survived' | 'skipped'

const chosen = choose(MUTANTS)
if (flags.list) for (const { name, file } of chosen) console.log(`${file}: ${name}`)
else process.exitCode = await run(chosen)

function choose(all: readonly Mutant[]): readonly Mutant[] {
  const { only, sample } = flags
  if (only !== undefined)
    return all.filter(({ name, file }) => name.includes(only) || file.includes(only))
  return sample === undefined ? all : sampleOf(all, Number(sample))
}

/** Another few at each commit, and the same ones at the same commit. */
function sampleOf(all: readonly Mutant[], count: number): readonly Mutant[] {
  const head = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' })
  const rank = ({ name }: Mutant): string =>
    createHash('sha256').update(head).update(name).digest('hex')
  return all.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count)
}

async function run(mutants: readonly Mutant[]): Promise<number> {
  const waiting = [...mutants]
  const verdicts: MutantVerdict[] = []
  const job = async (): Promise<void> => {
    using tree = new Tree()
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift())
      verdicts.push(await judge(mutant, tree))
  }
  await Promise.all(Array.from({ length: Number(flags.jobs) }, job))
  const count = (verdict: MutantVerdict): number => verdicts.filter((one) => one === verdict).length
  console.log(
    `\n${verdicts.length} mutants: ` +
      `${count('killed')} killed, ${count('survived')} survived, ${count('skipped')} skipped`,
  )
  return count('survived') === 0 && verdicts.length > 0 ? 0 : 1
}

async function judge(mutant: Mutant, tree: Tree): Promise<MutantVerdict> {
  const { name, file } = mutant
  const text = tree.read(file)
  const wrong = mutated(mutant, text)
  await transform(wrong, { loader: 'ts' })
  const sound = await soundness(mutant, tree)
  tree.write(file, wrong)
  const { failure, seconds } = await runAll(mutant, tree).finally(() => tree.write(file, text))
  // Skipped: no spec ran, since what it needs is not on this machine.
  const verdict = failure !== undefined ? 'killed' : sound === 0 ? 'skipped' : 'survived'
  const by = failure === undefined ? '' : `\n    by: ${failure}`
  console.log(`${verdict} in ${seconds.toFixed(1)} s: ${name}${by}`)
  return verdict
}

/** Up to the first file that fails. */
async function runAll(
  { specs, tests }: Mutant,
  tree: Tree,
): Promise<Pick<SpecRun, 'failure' | 'seconds'>> {
  let seconds = 0
  for (const spec of specs) {
    const run = await tree.run(spec, tests)
    seconds += run.seconds
    if (run.failure !== undefined) return { failure: run.failure, seconds }
  }
  return { failure: undefined, seconds }
}

/**
 * How many specs pass without the mistake. One that fails then proves nothing when it fails with
 * it.
 */
async function soundness({ specs, tests }: Mutant, tree: Tree): Promise<number> {
  let passed = 0
  for (const spec of specs) {
    const key = `${spec} ${tests}`
    const run = soundRuns.get(key) ?? tree.run(spec, tests)
    soundRuns.set(key, run)
    const { failure, passed: more } = await run
    if (failure !== undefined) throw new Error(`${spec} fails without a mutant: ${failure}`)
    passed += more
  }
  return passed
}
