import { Inject, Injectable } from '@nestjs/common'
import type { TapIdentityEvent, TapRecordEvent } from 'rxjs-atproto'
import { OnDelete, OnIdentity, OnRecord } from 'rxjs-atproto/nest'
import { Journal } from './journal.js'

const OF_TAP = { stream: 'tap' }

@Injectable()
export class Tracked {
  constructor(@Inject(Journal) private readonly journal: Journal) {}

  @OnRecord('app.bsky.*', OF_TAP)
  @OnDelete('app.bsky.*', OF_TAP)
  @OnIdentity(OF_TAP)
  async event({ id }: TapRecordEvent | TapIdentityEvent): Promise<void> {
    await this.journal.write('tap', String(id))
  }
}
