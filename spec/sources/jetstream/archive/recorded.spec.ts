import { lastValueFrom, toArray } from 'rxjs'
import { matcher } from '../../../../src/atproto/filters.js'
import { type ArchiveConfig, archive$, type Gap } from '../../../../src/index.js'
import { describeWith } from '../../../helpers/recordings.js'
import {
  askedBy,
  EXCHANGES,
  expectSame,
  framesOf,
  pagesOf,
  plans,
  recordedServer,
} from './recorded-server.js'

async function read(host: string, config: Partial<ArchiveConfig>) {
  const gaps: Gap[] = []
  const options = { host, log: false as const, gaps: { next: (gap: Gap) => gaps.push(gap) } }
  const events = await lastValueFrom(archive$({ ...options, ...config }).pipe(toArray()))
  expect(gaps).toEqual([])
  return events
}

describeWith([EXCHANGES, 'archive/small/expected-a.ndjson.gz'], 'the recorded archive', () => {
  const first = plans.filter(
    ({ request, note }) =>
      !('beforeSeq' in askedBy(request.body)) &&
      !('limit' in askedBy(request.body)) &&
      !note.includes('…') &&
      !request.body?.includes('…'),
  )
  // A page that is not the first has the tip of the first one as its end.
  const cases = new Map(
    first.map((one) => [`${one.state}, ${pagesOf(one) ?? 'whole'}: ${one.request.body}`, one]),
  )

  it('has plans of many filters, in two states and in pages', () => {
    expect(cases.size).toBeGreaterThan(36)
  })

  it.each([...cases])('is read as the socket sends it: %s', async (_, exchange) => {
    const { state, request, json } = exchange
    await using server = await recordedServer({ state, pages: pagesOf(exchange) })
    const { afterSeq = 0, ...asked } = askedBy(request.body)
    const filters = asked as Pick<ArchiveConfig, 'collections' | 'dids' | 'kinds'>
    const wants = matcher(filters)
    const after = Number(afterSeq)
    const tip = json?.sealedTipSeq ?? 0
    const wanted = framesOf(state).filter(
      (event) => (event.cursor ?? 0) > after && (event.cursor ?? 0) <= tip && wants(event),
    )
    const start = after === 0 ? {} : { cursor: after + 1 }
    expectSame(await read(server.host, { ...filters, ...start }), wanted)
  })

  it('is read where every segment was rewritten after the plan', async () => {
    await using server = await recordedServer({ state: 'a', files: ['b'] })
    const left = framesOf('b').filter(({ cursor = 0 }) => cursor <= 8158)
    expectSame(await read(server.host, {}), left)
  })
})
