/** Lists the specs that failed in a run of Jest (`--json`), and how each message begins. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const LINES = 14
const COLUMNS = 200

const [file = ''] = process.argv.slice(2)
const { testResults = [] } = JSON.parse(readFileSync(file, 'utf8'))

const indent = (message) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at .*(node_modules|node:internal)/.test(line))
    .slice(0, LINES)
    .map((line) => `    ${line.slice(0, COLUMNS)}`)
    .join('\n')

for (const { name, status, message = '', assertionResults = [] } of testResults) {
  const spec = relative(process.cwd(), name)
  const failed = assertionResults.filter((result) => result.status === 'failed')
  for (const { fullName, failureMessages = [] } of failed)
    console.log(`spec: ${spec}: ${fullName}\n${failureMessages.map(indent).join('\n')}`)
  // It could not be read, or its worker died.
  if (status === 'failed' && failed.length === 0) console.log(`spec: ${spec}\n${indent(message)}`)
}
