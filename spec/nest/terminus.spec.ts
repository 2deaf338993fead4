import { Injectable } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { EMPTY } from 'rxjs'
import type { RecordEvent } from '../../src/index.js'
import { AtprotoModule, AtprotoTestingModule, OnRecord } from '../../src/nest/index.js'
import { AtprotoHealthIndicator, AtprotoTerminusModule } from '../../src/nest/terminus.js'
import { silent } from './events.js'

@Injectable()
class Posts {
  @OnRecord('app.bsky.feed.post') put(_: RecordEvent) {}
}

const streams = ['default', 'idle'].map((stream) =>
  AtprotoModule.forRoot({ stream, source: { events$: EMPTY } }),
)

describe('AtprotoHealthIndicator', () => {
  it('is up or down as the streams are, with their states and reasons', async () => {
    const imports = [...streams, AtprotoTestingModule, AtprotoTerminusModule]
    const app = await Test.createTestingModule({ imports, providers: [Posts] })
      .setLogger(silent)
      .compile()
    await app.init()
    const health = app.get(AtprotoHealthIndicator)
    expect(await health.isHealthy('atproto', { stream: 'default', withinMs: 1000 })).toEqual({
      atproto: {
        status: 'up',
        streams: { default: { healthy: true, state: 'open', lagMs: undefined, reasons: [] } },
      },
    })
    const reasons = ['the stream is not subscribed']
    expect(await health.isHealthy('atproto')).toMatchObject({
      atproto: { status: 'down', streams: { default: { healthy: true }, idle: { reasons } } },
    })
    await expect(health.isHealthy('atproto', { stream: 'tap' })).rejects.toThrow(
      "'tap' is the name",
    )
    await expect(health.isHealthy('atproto', { withinMs: -1 })).rejects.toThrow('`withinMs`')
    await app.close()
  })
})
