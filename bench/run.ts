/**
 * Runs every bench, one after another, and fails if one of them does. Flags go to each: `--quick`
 * is for CI.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const benches = readdirSync(import.meta.dirname).filter(
  (name) => name.endsWith('.js') && name !== 'run.js',
)

for (const bench of benches) {
  console.log(`\n# ${bench.slice(0, -3).replaceAll('-', ' ')}?\n`)
  const { status } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, bench), ...process.argv.slice(2)],
    { stdio: 'inherit' },
  )
  if (status !== 0) process.exitCode = 1
}
