import { Component, signal } from '@angular/core'
import { type JetstreamEvent, uriOf } from 'rxjs-atproto'
import { liveList } from 'rxjs-atproto/angular'

interface Records {
  'app.bsky.feed.post': { readonly text: string }
  'app.bsky.feed.like': { readonly subject: { readonly uri: string } }
}

@Component({
  selector: 'app-posts',
  template: `
    <select #select (change)="choose(select.value)">
      <option value="app.bsky.feed.post">Posts</option>
      <option value="app.bsky.feed.like">Likes</option>
    </select>
    <button type="button" (click)="turn()">
      {{ posts.state() === 'paused' ? 'Resume' : 'Pause' }}
    </button>
    <p>
      <output>{{ posts.state() }}</output>
      @if (posts.lag(); as lag) {
        {{ lag }} ms behind
      }
    </p>
    <ol>
      @for (event of posts(); track uriOf(event)) {
        <li>{{ textOf(event) }}</li>
      }
    </ol>
  `,
})
export class Posts {
  readonly collection = signal<keyof Records>('app.bsky.feed.post')
  readonly posts = liveList<Records>(
    () => ({ collections: [this.collection()], kinds: ['commit'] }),
    { key: uriOf, limit: 50, by: 'frame' },
  )
  readonly uriOf = uriOf

  choose(collection: string): void {
    this.collection.set(collection as keyof Records)
  }

  turn(): void {
    if (this.posts.state() === 'paused') this.posts.resume()
    else this.posts.pause()
  }

  textOf(event: JetstreamEvent<Records>): string {
    if (event.kind !== 'commit') return event.kind
    const { collection, record } = event.commit
    if (collection === 'app.bsky.feed.like') return `likes ${record?.subject.uri}`
    return record?.text ?? ''
  }
}
