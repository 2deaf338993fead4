import { useState } from 'react'
import { BehaviorSubject, combineLatest, map, startWith } from 'rxjs'
import { isCommit, type JetstreamEvent, jetstream$, streamMetrics, uriOf } from 'rxjs-atproto'
import { keepRecent, pauseWhenHidden, pauseWhile, perFrame } from 'rxjs-atproto/browser'
import { useStream } from 'rxjs-atproto/react'

interface Records {
  'app.bsky.feed.post': { readonly text: string }
  'app.bsky.feed.like': { readonly subject: { readonly uri: string } }
}

type Event = Extract<JetstreamEvent<Records>, { readonly kind: 'commit' }>

const NONE: readonly Event[] = []

/** The newest records of a collection, beside the state of their connection. */
function read(
  host: string | undefined,
  collection: keyof Records,
  paused$: BehaviorSubject<boolean>,
) {
  const metrics$ = streamMetrics()
  const recent$ = jetstream$<Records>({
    host,
    collections: [collection],
    cursor: { ago: 60_000 },
    metrics$,
  }).pipe(
    pauseWhile(paused$), // the button
    pauseWhenHidden(), // a background tab holds no connection
    perFrame(), // one rendering a frame
    map((events) => events.filter(isCommit)),
    keepRecent({ key: uriOf, limit: 50 }),
    startWith(NONE),
  )
  return combineLatest({ recent: recent$, metrics: metrics$ })
}

export function Posts({ host }: { readonly host?: string | undefined }) {
  const [collection, setCollection] = useState<keyof Records>('app.bsky.feed.post')
  const [paused$] = useState(() => new BehaviorSubject(false))
  const { value, error } = useStream(() => read(host, collection, paused$), [host, collection])
  const isPaused = useStream(() => paused$, []).value ?? false
  if (error !== undefined) throw error

  return (
    <main>
      <select
        value={collection}
        onChange={({ target }) => setCollection(target.value as keyof Records)}
      >
        <option value="app.bsky.feed.post">Posts</option>
        <option value="app.bsky.feed.like">Likes</option>
      </select>
      <button type="button" onClick={() => paused$.next(!isPaused)}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
      <p>
        <output>{value?.metrics.connection.state ?? 'idle'}</output>
        {value?.metrics.lagMs !== undefined && ` ${value.metrics.lagMs} ms behind`}
      </p>
      <ol>
        {value?.recent.map((event) => (
          <li key={uriOf(event)}>{textOf(event.commit)}</li>
        ))}
      </ol>
    </main>
  )
}

function textOf({ collection, record }: Event['commit']): string {
  if (collection === 'app.bsky.feed.like') return `likes ${record?.subject.uri}`
  return record?.text ?? ''
}
