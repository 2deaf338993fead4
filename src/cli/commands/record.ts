import type { Command } from 'commander'
import { filter, map, merge, type Observable, Subject } from 'rxjs'
import { jetstream$, type RejectedFrame, rawText } from '../../index.js'
import type { CommandContext } from '../context.js'
import { EXIT_CODES_HELP, type ExitCode } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { withDids } from '../handles.js'
import { Messages } from '../messages.js'
import { metricsLines, statusLine } from '../progress.js'
import { RecordingFile } from '../recording-file.js'
import { runStream } from '../run-stream.js'
import { withStreamOptions } from '../stream-options.js'
import type { Watch } from '../watch.js'
import { configOf, type ReadOptions, withJetstream } from './jetstream.js'

const HELP = `
Each line of the file is a frame as it was received, and when, in milliseconds
after the start: {"at":12,"frame":{"did":…}}. A frame that cannot be read is
kept, too, as a string. A file that ends in .gz is compressed by gzip, one in
.zst by zstd (Node 22.15). Read it with \`rxjs-atproto replay\`, or from
fakeJetstream of rxjs-atproto/testing.

Examples:
  $ rxjs-atproto record posts.ndjson.gz --for 1m --kinds commit \\
      --collections app.bsky.feed.post
  $ rxjs-atproto record all.ndjson.gz --host localhost:6008 --limit 1000
  $ gzip -dc posts.ndjson.gz | jq '.frame.commit.record.text // empty'
${EXIT_CODES_HELP}`

/** `rxjs-atproto record FILE`: the frames of a Jetstream, with their times, in a file. */
export function addRecord(program: Command, context: CommandContext): void {
  const command = program
    .command('record')
    .summary('keep the frames of a Jetstream in a file')
    .description('Reads a Jetstream and writes its frames to a new file, with their times.')
    .argument('<file>', 'a new file, such as posts.ndjson.gz')
  withStreamOptions(withJetstream(command))
    .addHelpText('after', HELP)
    .action(async (path: string, options: ReadOptions) =>
      context.exit(await withDids(options, context, (resolved) => record(path, resolved, context))),
    )
}

async function record(
  path: string,
  options: ReadOptions,
  { stderr, environment }: CommandContext,
): Promise<ExitCode> {
  const messages = new Messages(stderr, options, environment)
  try {
    const file = new RecordingFile(path)
    const exitCode = await runStream({
      source: (watch) => lines$(options, watch),
      options,
      messages,
      sink: file,
      lineOf: (line) => line,
      view: options.metrics ? metricsLines(messages) : statusLine(messages),
      jetstreams: options.host ?? [],
    })
    await file.close()
    return exitCode
  } catch (error) {
    const { exitCode, messages: texts } = failureOf(error, false, messages)
    for (const text of texts) messages.error(text)
    return exitCode
  }
}

/** A line for each frame, in the order of their arrival. */
function lines$(options: ReadOptions, watch: Watch): Observable<string> {
  const { metrics$, gaps, log } = watch
  const rejected$ = new Subject<RejectedFrame>()
  rejected$.subscribe(watch.rejects)
  const startedAt = performance.now()
  const lineOf = (frame: string) =>
    `{"at":${Math.round(performance.now() - startedAt)},"frame":${frame}}`
  const events$ = jetstream$({
    ...configOf(options),
    decode: 'lazy',
    metrics$,
    gaps,
    rejects: rejected$,
    log,
  })
  return merge(
    events$.pipe(map((event) => lineOf(onOneLine(rawText(event) ?? JSON.stringify(event))))),
    rejected$.pipe(
      map(wholeText),
      filter((text) => text !== undefined),
      map((text) => lineOf(JSON.stringify(text))),
    ),
  )
}

/** JSON may have line breaks between its members. */
const onOneLine = (json: string): string =>
  json.includes('\n') ? JSON.stringify(JSON.parse(json)) : json

/** `undefined` for a frame that was cut, which would be another one when it is played. */
function wholeText({ frame, length }: RejectedFrame): string | undefined {
  if (frame.length < length) return undefined
  return typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
}
