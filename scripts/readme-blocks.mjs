/** Writes each TypeScript example of a page into a file of its own in the current folder. */
import { readFileSync, writeFileSync } from 'node:fs'

const [page = ''] = process.argv.slice(2)
const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ts(?: no-run)?\n(.*?)^```$/gms)]
if (blocks.length === 0) throw new Error(`${page} has no example`)
blocks.forEach(([, code = ''], n) => {
  // Each is a module, also where it imports nothing.
  writeFileSync(`block-${n + 1}.ts`, `${code}\nexport {}\n`)
})
console.log(`${blocks.length} examples of the README`)
