#!/usr/bin/env node
import { EXIT } from './exit-codes.js'
import { runProgram } from './program.js'
import { plain } from './text.js'

const { stderr, env } = process
// Whoever reads our messages may go away; the events matter more.
stderr.on('error', () => {})

const exitCode = await runProgram(process.argv, { stderr, environment: env }).catch(
  (error: unknown) => {
    stderr.write(
      `error: ${plain(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
    )
    return EXIT.unexpected
  },
)
// Everything is written and saved; what is left is a goodbye of a socket that nobody needs to wait
// for.
stderr.write('', () => process.exit(exitCode))
