/** Runs every bench, one after another, and fails if one of them does. Flags go to each: `--quick` is for CI. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCHES = ['how-fast-is-jetstream', 'how-fast-is-tap', 'does-a-slow-handler-keep-memory-flat']

for (const bench of BENCHES) {
  console.log(`\n# ${bench.replaceAll('-', ' ')}?\n`)
  const program = fileURLToPath(new URL(`${bench}.js`, import.meta.url))
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
