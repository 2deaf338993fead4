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
// Everything is written and saved. The last acks may be on their way: a process that exits with
// something unread resets its connections, and a server then loses what it has not read. So the
// closing handshake of a socket is waited for, at most a second.
process.exitCode = exitCode
stderr.write('', () => setTimeout(() => process.exit(exitCode), 1000).unref())
