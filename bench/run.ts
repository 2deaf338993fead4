/**
 * Runs every bench, one after another, and fails if one of them does. What is below its limit is
 * measured once more, since others may have had the machine meanwhile; a real loss shows in both.
 * Flags go to each: `--quick` is for CI.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const benches = readdirSync(import.meta.dirname).filter(
  (name) => name.endsWith('.js') && name !== 'run.js',
)

for (const bench of benches) {
  const question = `${bench.slice(0, -3).replaceAll('-', ' ')}?`
  console.log(`\n# ${question}\n`)
  if (isGood(bench)) continue
  console.log(`\n# measured once more: ${question}\n`)
  if (isGood(bench)) continue
  console.error(`FAILED twice: ${question}`)
  process.exitCode = 1
}

function isGood(bench: string): boolean {
  const program = [join(import.meta.dirname, bench), ...process.argv.slice(2)]
  return spawnSync(process.execPath, program, { stdio: 'inherit' }).status === 0
}
