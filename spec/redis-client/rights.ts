import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const page = readFileSync(join(__dirname, '../../docs/redis.md'), 'utf8')

/** The commands of a row of the table of rights in docs/redis.md. */
export function rightsOf(row: string): readonly string[] {
  const line = page.split('\n').find((one) => one.startsWith(`| ${row} |`)) ?? ''
  const [, , cell = ''] = line.split(/(?<!\\)\|/)
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, command = '']) => command.replace('\\|', '|'))
}
