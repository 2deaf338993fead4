import { Controller } from '@nestjs/common'
import { EventPattern } from '@nestjs/microservices'
import { Test } from '@nestjs/testing'
import { EMPTY } from 'rxjs'
import { type CommitEvent, memoryCursorStore } from '../../src/index.js'
import { AtprotoStrategy } from '../../src/nest/microservice.js'
import { fakeJetstream } from '../../src/testing/index.js'
import { gate, silent } from './events.js'

const POST = 'app.bsky.feed.post'

const serviceOf = async (controller: new () => object, strategy: AtprotoStrategy) =>
  (
    await Test.createTestingModule({ controllers: [controller] })
      .setLogger(silent)
      .compile()
  ).createNestMicroservice({ strategy })

describe('AtprotoStrategy', () => {
  it('calls handlers of patterns, and drains when it is closed', async () => {
    const server = await fakeJetstream({ events: 50 })
    const [came, work, store] = [gate(), gate(), memoryCursorStore()]
    const seen: string[] = []
    @Controller()
    class Posts {
      @EventPattern(POST) async post(event: CommitEvent) {
        came.open()
        await work.opened
        seen.push(event.commit.collection)
      }
    }
    const jetstream = { host: server.url, cursor: 'oldest' as const, checkpoint: store }
    const strategy = new AtprotoStrategy({ source: { jetstream } })
    const service = await serviceOf(Posts, strategy)
    await service.listen()
    await came.opened
    const closed = service.close()
    work.open()
    await closed
    const { delivered, done, checkpoint, cursor } = strategy.stream.metrics$.value
    expect([seen.length, new Set(seen)]).toEqual([delivered, new Set([POST])])
    expect([done, checkpoint]).toEqual([delivered, cursor])
    expect(server.connections[0]?.url).toContain(`wantedCollections=${POST}`)
    await server.close()
  })

  it('takes the failure of a handler for one of the event', async () => {
    const server = await fakeJetstream({ events: 50 })
    const failed = gate()
    const errors: unknown[] = []
    @Controller()
    class Posts {
      @EventPattern(POST) post() {
        throw new Error('broken')
      }
    }
    const strategy = new AtprotoStrategy({
      source: { jetstream: { host: server.url, cursor: 'oldest' } },
      ingest: { onError: 'fail' },
      onFatal: (error) => {
        errors.push(error)
        failed.open()
      },
    })
    const service = await serviceOf(Posts, strategy)
    await service.listen()
    await failed.opened
    expect(errors).toMatchObject([{ code: 'INGEST', cause: { message: 'Internal server error' } }])
    await service.close()
    await server.close()
  })

  it('refuses a pattern that is none of a stream', async () => {
    const strategy = new AtprotoStrategy({ source: { events$: EMPTY } })
    strategy.addHandler('posts', async () => EMPTY)
    const told = new Promise((resolve) => strategy.listen(resolve))
    expect(String(await told)).toContain('`posts` must be an NSID, a prefix')
    await strategy.close()
  })
})
