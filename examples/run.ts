/**
 * Runs every example, or those that are named, each in a process of its own; fails if one fails,
 * says nothing, or does not end. The programs of the cookbook come last.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

const folder = import.meta.dirname
const namesIn = (path: string): readonly string[] =>
  readdirSync(path)
    .filter((file) => file.endsWith('.js'))
    .map((file) => basename(file, '.js'))

const all = namesIn(folder)
const named = process.argv.slice(2)
const unknown = named.find((name) => ![...all, ...namesIn(join(folder, 'cookbook'))].includes(name))
if (unknown !== undefined) throw new Error(`no example is called ${unknown}`)
// Not by themselves: others import or start them.
const PARTS = ['run', 'server', 'redis', 'ingester-worker']
const examples = all.filter((name) =>
  named.length > 0 ? named.includes(name) : !PARTS.includes(name),
)

for (const name of examples) {
  console.log(`\n--- ${name}`)
  const { status, stdout } = spawnSync(process.execPath, [join(folder, `${name}.js`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: 120_000,
  })
  process.stdout.write(stdout)
  if (status === 0 && stdout !== '') continue
  console.error(`${name} ended with ${status ?? 'no end within two minutes'}`)
  process.exitCode = 1
}

await import('./cookbook/run.js')
