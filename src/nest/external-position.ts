import { checkpointOptions } from '../delivery/checkpoint-options.js'
import type { Issues } from '../options/issues.js'
import type { NamedStream } from './atproto-stream.js'
import type { Handler } from './handles.js'

/**
 * Adds why nobody would know the position that the program is to store. It is given to a batch, and
 * is known only while no other handler has an earlier event of the stream.
 */
export function checkExternal(
  { name: stream, options }: NamedStream,
  handlers: readonly Handler[],
  issues: Issues,
): void {
  if (checkpointOptions(options.checkpoint)?.external !== true) return
  const workers = handlers.filter(({ handles: { on } }) => on !== 'deadLetter' && on !== 'gap')
  if (workers.length === 0) return
  const batch = workers.find(({ handles }) => handles.on === 'batch')
  if (batch === undefined) {
    const message = `is external, and '${stream}' has no @OnBatch handler to store the position`
    issues.add('checkpoint', message)
    return
  }
  const why = `the checkpoint of '${stream}' is external`
  if (batch.handles.on === 'batch' && batch.handles.concurrency > 1)
    issues.add(batch.name, `must have \`concurrency: 1\`: ${why}`)
  for (const { name } of workers.filter((one) => one !== batch))
    issues.add(
      name,
      `needs a stream of its own: ${why}, ` +
        `and ${batch.name} would seldom know the position to store`,
    )
}
