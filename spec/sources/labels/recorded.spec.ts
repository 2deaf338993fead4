import { createPublicKey, verify } from 'node:crypto'
import { encode, fromBytes } from '@atcute/cbor'
import { lastValueFrom, take, toArray } from 'rxjs'
import { refused } from '../../../src/atproto/subscription.js'
import { type LabelEvent, labels$, RefusedError, ServerError } from '../../../src/index.js'
import { Control } from '../../../src/live/protocol.js'
import { readMessage } from '../../../src/sources/labels/message.js'
import { fakeLabels } from '../../../src/testing/index.js'
import { framesOf, jsonOf, linesOf } from '../../helpers/recordings.js'

interface Expected {
  readonly seq: number
  readonly labels: readonly object[]
}

interface Refusal {
  readonly server: string
  readonly frames?: readonly {
    readonly hex: string
    readonly body?: { readonly error?: string; readonly message?: string }
  }[]
}

type Documents = Readonly<
  Record<
    string,
    {
      readonly verificationMethod: readonly {
        readonly id: string
        readonly publicKeyMultibase: string
      }[]
    }
  >
>

const frames = framesOf('local/label_frames.bin')
const expected = linesOf('local/label_frames.expected.ndjson').map(
  (line) => JSON.parse(line) as Expected,
)
const events = expected.flatMap(({ seq, labels }) => labels.map((label) => ({ seq, ...label })))

describe('the labels of ozone', () => {
  it('are what an independent decoder made of them, all six', () => {
    expect(frames).toHaveLength(6)
    const read = frames
      .map(readMessage)
      .flatMap((message) => (message instanceof Control ? [] : message.labels))
    expect(read).toEqual(events)
    // Plain as JSON.parse makes them: a class would not be equal to what a clone or a store gives
    // back.
    expect(structuredClone(read)).toStrictEqual(read)
    expect(JSON.parse(JSON.stringify(read))).toStrictEqual(read)
  })

  it('come through a socket as they are without one', async () => {
    // Live: a replay lacks the one that was taken back.
    await using server = await fakeLabels({ events: frames })
    const read = await lastValueFrom(labels$({ host: server.url }).pipe(take(6), toArray()))
    expect(read).toEqual(events)
    expect(read.map(({ val, neg, exp }) => [val, neg, exp !== undefined])).toEqual([
      ['spam', undefined, false],
      ['porn', undefined, false],
      ['nudity', undefined, false],
      ['nudity', true, false],
      ['rude', undefined, true],
      ['!takedown', undefined, false],
    ])
  })

  it('verify: nothing that was signed is missing or changed', () => {
    const [document] = Object.values(jsonOf<Documents>('local/plc_docs.json')).flatMap(
      ({ verificationMethod }) => verificationMethod.filter(({ id }) => id === '#atproto_label'),
    )
    const key = publicKeyOf(document?.publicKeyMultibase ?? '')
    const isGood = ({ seq: _seq, sig, ...signed }: LabelEvent): boolean =>
      sig !== undefined &&
      verify('sha256', encode(signed), { key, dsaEncoding: 'ieee-p1363' }, fromBytes(sig))
    const read = frames
      .map(readMessage)
      .flatMap((message) =>
        message instanceof Control ? [] : message.labels,
      ) as readonly LabelEvent[]
    expect(read.map(isGood)).toEqual([true, true, true, true, true, true])
    expect(read.map((event) => isGood({ ...event, val: 'other' }))).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
    ])
  })

  it('are refused by error frames: a future cursor goes by policy, a bad request ends', () => {
    const refusals = jsonOf<readonly Refusal[]>('local/refusals.json').filter(
      ({ server }) => server === 'ozone',
    )
    const meanings = refusals.map(({ frames: [frame] = [] }) => {
      try {
        return readMessage(Buffer.from(frame?.hex ?? '', 'hex'))
      } catch (error) {
        expect(error).toBeInstanceOf(ServerError)
        return refused(error)
      }
    })
    expect(meanings).toEqual(['future', expect.any(RefusedError)])
    expect(meanings[1]).toMatchObject({ status: 400, error: 'InvalidRequest', retryable: false })
  })
})

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** An uncompressed point of secp256k1 in base58btc. */
function publicKeyOf(multibase: string) {
  let number = 0n
  for (const digit of multibase.slice(1)) number = number * 58n + BigInt(BASE58.indexOf(digit))
  const bytes = Buffer.from(number.toString(16).padStart(130, '0'), 'hex')
  const [x, y] = [bytes.subarray(1, 33), bytes.subarray(33)].map((part) =>
    part.toString('base64url'),
  )
  return createPublicKey({
    key: { kty: 'EC', crv: 'secp256k1', x: x ?? '', y: y ?? '' },
    format: 'jwk',
  })
}
