import { type CidLink, toBytes } from '@atcute/cbor'
import type { FirehoseOp } from '../event-stream/firehose-message.js'
import { type Block, blockOf } from '../wire/write-car.js'

/** The tree of a repository without records, the same for all. */
export const EMPTY_TREE: Block = blockOf({ e: [], l: null })

/**
 * A node of a Merkle search tree with the records of these operations alone.
 */
export function treeOf(ops: readonly FirehoseOp[]): Block {
  const written = new Map<string, CidLink>()
  for (const { path, cid } of ops) {
    if (cid === null) written.delete(path)
    else written.set(path, cid)
  }
  return written.size === 0 ? EMPTY_TREE : blockOf({ e: entriesOf(written), l: null })
}

/** Each key without the prefix that it shares with the previous one. */
function entriesOf(written: ReadonlyMap<string, CidLink>): object[] {
  const paths = [...written.keys()].sort()
  return paths.map((path, index) => {
    const shared = sharedLength(paths[index - 1] ?? '', path)
    return { k: toBytes(Buffer.from(path.slice(shared))), p: shared, t: null, v: written.get(path) }
  })
}

function sharedLength(before: string, path: string): number {
  let length = 0
  while (length < before.length && before[length] === path[length]) length++
  return length
}
