import type { ConfigIssue } from '../index.js'
import type { Handler } from './handles.js'
import type { StreamOptions } from './options.js'

/**
 * Why nobody would know the position that the program is to store. It is given to a batch, and is
 * known only while no other handler has an earlier event of the stream.
 */
export function externalMistakes(
  stream: string,
  { checkpoint }: StreamOptions,
  handlers: readonly Handler[],
): readonly ConfigIssue[] {
  const isExternal = checkpoint !== undefined && 'external' in checkpoint && checkpoint.external
  const workers = handlers.filter(({ handles: { on } }) => on !== 'deadLetter' && on !== 'gap')
  if (!isExternal || workers.length === 0) return []
  const batch = workers.find(({ handles }) => handles.on === 'batch')
  if (batch === undefined)
    return [
      {
        option: 'checkpoint',
        message: `is external, and '${stream}' has no @OnBatch handler to store the position`,
      },
    ]
  const others = workers
    .filter((one) => one !== batch)
    .map(({ name }) => ({
      option: name,
      message:
        `needs a stream of its own: the checkpoint of '${stream}' is external, ` +
        `and ${batch.name} would seldom know the position to store`,
    }))
  if (batch.handles.on !== 'batch' || batch.handles.concurrency === 1) return others
  const message = `must have \`concurrency: 1\`: the checkpoint of '${stream}' is external`
  return [{ option: batch.name, message }, ...others]
}
