import type { EventFilters } from '../../../src/index.js'
import { encodeMessage } from '../../../src/testing/event-stream/firehose-message.js'
import { generateCommits } from '../../../src/testing/generate/commits.js'
import { DID } from './frames.js'

/** Filters that refuse much, or all. */
export const NARROW: readonly EventFilters[] = [
  { collections: ['app.bsky.feed.post'] },
  { collections: ['app.bsky.*'], kinds: ['commit'] },
  { collections: ['com.example.none'], kinds: ['commit'] },
  { dids: [DID] },
  { kinds: ['sync'] },
]

/** Frames of many shapes, some of commits that were too big. */
export const GENERATED: readonly Uint8Array[] = [
  ...generateCommits({ seed: 5, count: 300, flaws: [{ do: 'too-big', every: 20 }] }),
].map(encodeMessage)
