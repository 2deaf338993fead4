import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseTemplate, type Template } from './template.js'

/** The flags that choose how an event becomes a line, and which ones do. */
export interface LineOptions {
  readonly json?: boolean
  readonly table?: boolean
  readonly format?: Template
  readonly grep?: RegExp
}

export const withLines = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--json',
        'lines of JSON, also on a terminal; a pipe or a file always has them',
      ).conflicts('format'),
    )
    .addOption(
      new Option(
        '--table',
        'a table of how many events of which kind come, also where they go to a file',
      ).conflicts(['json', 'format']),
    )
    .option(
      '--format <template>',
      "a line of your own, such as '{did} {commit.record.text}'",
      parseTemplate,
    )
    .option(
      '--grep <pattern>',
      'only events whose JSON matches this regular expression; /…/i ignores case',
      parsePattern,
    )

function parsePattern(text: string): RegExp {
  const [, body = text, flags = ''] = /^\/(.+)\/([ismu]*)$/s.exec(text) ?? []
  try {
    return new RegExp(body, flags)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** Whether the JSON of an event matches. One that cannot be JSON is kept: it is reported later. */
export function matches(event: unknown, pattern: RegExp): boolean {
  try {
    return pattern.test(JSON.stringify(event))
  } catch {
    return true
  }
}
