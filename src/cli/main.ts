#!/usr/bin/env node
import { EXIT } from './exit-codes.js'
import { runProgram } from './program.js'
import { plain } from './text.js'

const { stderr, env } = process
// The reader of our messages may exit; the events matter more.
stderr.on('error', () => {})

const exitCode = await runProgram(process.argv, { stderr, environment: env }).catch(
  (error: unknown) => {
    stderr.write(
      `error: ${plain(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
    )
    return EXIT.unexpected
  },
)
// Everything is written and saved. At most the closing handshake of a socket is left, which needs
// no waiting.
stderr.write('', () => process.exit(exitCode))
