/**
 * A table of every profile of the network: built from the archive, then kept live. The table is in
 * memory, so that each start reads the archive again; see the page for a database.
 */
import { isLive, jetstream$, run } from 'rxjs-atproto'

const PROFILE = 'app.bsky.actor.profile'
const { ARCHIVE_HOST = 'jetstream.example.com', JETSTREAM_API_KEY } = process.env

/** Records by repository and key. */
const table = new Map<string, Map<string, unknown>>()

const events$ = jetstream$<{ [PROFILE]: unknown }>({
  host: ARCHIVE_HOST,
  collections: [PROFILE],
  cursor: 'oldest',
  archive: { apiKey: JETSTREAM_API_KEY },
})

let isHistory = true

run(
  events$,
  {
    [PROFILE]: (event) => {
      const { did, commit } = event
      const records = table.get(did) ?? new Map<string, unknown>()
      // A delete of what is not there, and a write of what is, are no mistakes: both come again.
      if (commit.operation === 'delete') records.delete(commit.rkey)
      else table.set(did, records.set(commit.rkey, commit.record))
      if (!isHistory || !isLive(event)) return
      isHistory = false
      console.log(`live, with the profiles of ${table.size} accounts`)
    },
    account: ({ did, account }) => {
      if (account.status === 'deleted') table.delete(did)
    },
  },
  { signals: true },
)
