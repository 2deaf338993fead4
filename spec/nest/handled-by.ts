import { type DynamicModule, Injectable } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import type { JetstreamEvent, RecordEvent } from '../../src/index.js'
import { OnRecord } from '../../src/nest/index.js'
import { gate, silent } from './events.js'

const POST = 'app.bsky.feed.post'

/** The posts that were written, by their keys. */
export const postsOf = (events: readonly JetstreamEvent[]): readonly string[] =>
  events.flatMap((event) =>
    event.kind === 'commit' &&
    event.commit.collection === POST &&
    event.commit.operation !== 'delete'
      ? [event.commit.rkey]
      : [],
  )

/** The posts that an application with this stream handles, in order, until it has so many. */
export async function handledBy(module: DynamicModule, count: number) {
  const rkeys: string[] = []
  const handled = gate()
  @Injectable()
  class Posts {
    @OnRecord(POST) put({ commit }: RecordEvent) {
      if (rkeys.push(commit.rkey) === count) handled.open()
    }
  }
  const app = await Test.createTestingModule({ imports: [module], providers: [Posts] })
    .setLogger(silent)
    .compile()
  await app.init()
  await handled.opened
  await app.close()
  return rkeys
}
