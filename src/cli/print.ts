import type { CommandContext } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { SinkError } from './failure.js'
import type { TextStyle } from './markdown.js'
import { wantsAnsi } from './messages.js'
import { LineWriter, stdout } from './output.js'

// Longer lines are hard to read.
const MOST_COLUMNS = 100

/** How text looks on stdout. A pipe or a file gets lines of 80 columns without colours. */
export function stdoutStyle(
  options: { readonly color: boolean },
  environment: CommandContext['environment'],
): TextStyle {
  const { isTTY, columns = 80 } = process.stdout
  if (!isTTY) return { columns: 80, ansi: false }
  // The last column stays empty: some terminals begin a new line after it.
  return {
    columns: Math.max(20, Math.min(columns || 80, MOST_COLUMNS) - 1),
    ansi: wantsAnsi(options, environment),
  }
}

let writer: LineWriter | undefined

/** Writes our own text to stdout, whose reader may exit. */
export async function print(text: string): Promise<ExitCode> {
  // One: each adds a listener to the stream.
  writer ??= new LineWriter(
    stdout(),
    () => {},
    (line) => line,
  )
  try {
    await writer.write(text)
    return EXIT.done
  } catch (error) {
    if (error instanceof SinkError && error.readerGone) return EXIT.done
    throw error
  }
}
