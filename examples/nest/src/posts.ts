import { Inject, Injectable } from '@nestjs/common'
import {
  type AccountEvent,
  type DeleteEvent,
  type IdentityEvent,
  type RecordEvent,
  uriOf,
} from 'rxjs-atproto'
import { OnAccount, OnBatch, OnDelete, OnIdentity, OnRecord } from 'rxjs-atproto/nest'
import { Journal } from './journal.js'

interface Post {
  readonly text: string
}

@Injectable()
export class Posts {
  // Named, since esbuild and SWC need not emit the types of parameters.
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  @OnRecord('app.bsky.feed.post')
  async put(event: RecordEvent<Post>): Promise<void> {
    await this.journal.write('post', `${uriOf(event)} ${event.commit.rev}`)
  }

  @OnDelete('app.bsky.feed.post')
  async gone(event: DeleteEvent): Promise<void> {
    await this.journal.write('gone', `${uriOf(event)} ${event.commit.rev}`)
  }

  @OnBatch('app.bsky.feed.like', { size: 50, maxWaitMs: 50 })
  async likes(events: readonly RecordEvent[]): Promise<void> {
    await this.journal.write(
      'like',
      ...events.map((event) => `${uriOf(event)} ${event.commit.rev}`),
    )
  }

  @OnIdentity()
  @OnAccount()
  async who(event: IdentityEvent | AccountEvent): Promise<void> {
    await this.journal.write(event.kind, `${event.did} ${event.time_us}`)
  }
}
