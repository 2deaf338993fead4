import { createHash } from 'node:crypto'
import { fromUint8Array } from '@atcute/car'
import { type CidLink, CidLinkWrapper, decode, encode } from '@atcute/cbor'
import fc from 'fast-check'
import { Blocks } from '../../src/atproto/car.js'
import { isCidOf } from '../../src/atproto/cid.js'
import { sha256 as sha256InBrowsers } from '../../src/atproto/sha256-browser.js'
import { sha256 } from '../../src/atproto/sha256-node.js'
import { bytesOf, describeWith, jsonOf, linesOf, present } from '../helpers/recordings.js'
import { runs } from '../helpers/thick.js'
import { carOf, join, linkTo } from '../sources/firehose/frames.js'

const blocks = ['root', 'one', 'two'].map((text) => encode({ text }))
const [root, one, two] = blocks as [Uint8Array, Uint8Array, Uint8Array]
const CAR = carOf(
  linkTo(root),
  blocks.map((block) => [linkTo(block), block]),
)

/** A link to a block that is no DAG-CBOR. */
const rawLinkTo = (block: Uint8Array): CidLinkWrapper => {
  const cid = linkTo(block).bytes.slice()
  cid[1] = 0x55
  return new CidLinkWrapper(cid)
}

/** A length in three bytes or four, and the header. */
const headerOf = (header: Uint8Array): Uint8Array => {
  const { length } = header
  const low = [length & 127, (length >> 7) & 127, (length >> 14) & 127].map((seven) => seven | 128)
  return join(Uint8Array.of(...low, length >> 21), header)
}

describe('the blocks of a section', () => {
  it('are found by their CIDs, and the root is named', () => {
    const section = new Blocks(CAR)
    expect(section.whole).toBe(true)
    expect(section.root).toEqual(linkTo(root).bytes)
    for (const block of blocks) expect(section.get(linkTo(block).bytes)).toEqual(block)
    expect(section.get(linkTo(encode({ text: 'three' })).bytes)).toBeUndefined()
  })

  it('may stand there twice, and in any order', () => {
    const section = new Blocks(
      carOf(
        linkTo(root),
        [two, one, two, root].map((block) => [linkTo(block), block]),
      ),
    )
    for (const block of blocks) expect(section.get(linkTo(block).bytes)).toEqual(block)
  })

  it('are told apart where the beginnings of their hashes are one', () => {
    const alike = [1, 2, 3].map((last) => {
      const cid = linkTo(one).bytes.slice()
      cid[35] = last
      return [new CidLinkWrapper(cid), encode({ last })] as const
    })
    const section = new Blocks(carOf(linkTo(root), alike))
    for (const [link, block] of alike) expect(section.get(link.bytes)).toEqual(block)
    expect(section.get(linkTo(one).bytes)).toBeUndefined()
  })

  it.each<[string, Uint8Array]>([
    ['is empty', new Uint8Array()],
    ['is no CAR', encode({ text: 'no CAR' })],
    ['has a length without an end', new Uint8Array(12).fill(0xff)],
    ['has a header of another version', join(Uint8Array.of(17), encode({ roots: [], version: 2 }))],
    [
      'has a header that is too deep',
      join(Uint8Array.of(200, 1), new Uint8Array(199).fill(0x81), Uint8Array.of(0)),
    ],
    [
      'has a header of too many members',
      headerOf(encode({ roots: new Array(66_000).fill(linkTo(root)), version: 1 })),
    ],
  ])('are none where the section %s', (_, section) => {
    const read = new Blocks(section)
    expect([read.whole, read.root, read.get(linkTo(one).bytes)]).toEqual([
      false,
      undefined,
      undefined,
    ])
  })

  it('before the place where it breaks can be had all the same', () => {
    for (const broken of [
      CAR.slice(0, -1),
      join(CAR, Uint8Array.of(0x80)),
      join(CAR, Uint8Array.of(3, 1, 2, 3)),
      join(CAR, new Uint8Array(90).fill(0xff)),
    ]) {
      const section = new Blocks(broken)
      expect(section.whole).toBe(false)
      expect(section.root).toEqual(linkTo(root).bytes)
      expect(section.get(linkTo(one).bytes)).toEqual(one)
    }
    expect(new Blocks(CAR.slice(0, -1)).get(linkTo(two).bytes)).toBeUndefined()
  })
})

/** What the reader of CARs finds in a section, as far as it gets. */
function readerFinds(section: Uint8Array) {
  const blocks = new Map<string, Uint8Array>()
  const found = { whole: false, root: undefined as Uint8Array | undefined, blocks }
  try {
    const car = fromUint8Array(section)
    found.root = (car.roots[0] as CidLinkWrapper | undefined)?.bytes
    for (const { cid, bytes } of car) blocks.set(Buffer.from(cid.bytes).toString('hex'), bytes)
    found.whole = true
  } catch {
    // It is not whole.
  }
  return found
}

describe('a section', () => {
  const agree = (section: Uint8Array): boolean => {
    const [ours, theirs] = [new Blocks(section), readerFinds(section)]
    expect([ours.whole, ours.root]).toEqual([theirs.whole, theirs.root])
    for (const [cid, block] of theirs.blocks)
      expect(ours.get(Uint8Array.from(Buffer.from(cid, 'hex')))).toEqual(block)
    for (const block of blocks)
      expect(ours.get(linkTo(block).bytes)).toEqual(
        theirs.blocks.get(Buffer.from(linkTo(block).bytes).toString('hex')),
      )
    return theirs.whole
  }

  it.each<[string, Uint8Array]>([
    ['of two roots', headerOf(encode({ roots: [linkTo(root), linkTo(one)], version: 1 }))],
    ['without a root', join(Uint8Array.of(17), encode({ roots: [], version: 1 }))],
    ['with a raw block', carOf(linkTo(root), [[rawLinkTo(one), one]])],
    ['with an empty block', carOf(linkTo(root), [[linkTo(new Uint8Array()), new Uint8Array()]])],
    [
      'with two blocks of one CID',
      carOf(
        linkTo(root),
        [one, two].map((it) => [linkTo(one), it]),
      ),
    ],
    [
      'with a long block',
      carOf(linkTo(root), [
        [linkTo(one), new Uint8Array(20_000)],
        [linkTo(two), two],
      ]),
    ],
    [
      'with a length of four bytes',
      join(CAR, Uint8Array.of(0xa4, 0x80, 0x80, 0), linkTo(two).bytes),
    ],
  ])('%s is what the reader of CARs finds', (_, section) => {
    expect(agree(section)).toBe(true)
  })

  it('with errors in it is what the reader of CARs finds', () => {
    let whole = 0
    const change = fc.tuple(fc.nat(CAR.length - 1), fc.nat(255))
    const property = fc.property(fc.array(change, { maxLength: 2 }), fc.nat(99), (changes, cut) => {
      const broken = CAR.slice(0, cut < 30 ? CAR.length - cut : CAR.length)
      for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte
      if (agree(broken)) whole += 1
    })
    fc.assert(property, { seed: 20261130, numRuns: runs(2000, 8000) })
    expect(whole).toBeGreaterThan(100)
  })
})

describe('a hash', () => {
  it('is the same in Node and in browsers', () => {
    for (const size of [0, 1, 55, 56, 64, 1000]) {
      const bytes = new Uint8Array(size).fill(size)
      const expected = createHash('sha256').update(bytes).digest('hex')
      expect(
        [sha256(bytes), sha256InBrowsers(bytes)].map((hash) => Buffer.from(hash).toString('hex')),
      ).toEqual([expected, expected])
    }
  })

  it('proves a block, and no other', () => {
    expect(isCidOf(linkTo(one).bytes, one)).toBe(true)
    expect(isCidOf(linkTo(one).bytes, two)).toBe(false)
    expect(isCidOf(linkTo(one).bytes.slice(0, 20), one)).toBe(false)
  })
})

const linkOf = (cid: string): Uint8Array =>
  (decode(encode({ $link: cid } as CidLink)) as CidLinkWrapper).bytes

const FIXTURES = 'car/car-file-fixtures.json'
const REPOSITORY = 'car/jcalabro_repo_20260704.car'
const RECORDS = 'car/jcalabro_repo_20260704.expected_records.tsv'

describeWith([FIXTURES, REPOSITORY, RECORDS], 'published sections', () => {
  interface Fixture {
    readonly root: string
    readonly blocks: readonly { readonly cid: string; readonly bytes: string }[]
    readonly car: string
  }

  it('of the fixtures hold what they are said to hold', () => {
    const fixtures = jsonOf<readonly Fixture[]>(FIXTURES)
    expect(fixtures.length).toBeGreaterThan(0)
    for (const { root: cid, blocks: expected, car } of fixtures) {
      const section = new Blocks(Uint8Array.from(Buffer.from(car, 'base64')))
      expect([section.whole, section.root]).toEqual([true, linkOf(cid)])
      for (const block of expected) {
        expect(Buffer.from(section.get(linkOf(block.cid)) ?? []).toString('base64')).toBe(
          Buffer.from(block.bytes, 'base64').toString('base64'),
        )
      }
    }
  })

  it('of a whole repository hold every record of it, each with its hash', () => {
    const section = new Blocks(bytesOf(REPOSITORY))
    const records = linesOf(RECORDS).map((line) => line.split('\t')[1] ?? '')
    expect(records).toHaveLength(23)
    for (const cid of records)
      expect(isCidOf(linkOf(cid), section.get(linkOf(cid)) ?? new Uint8Array())).toBe(true)
  })
})

const OTHERS = [
  'empty',
  'tiny',
  'little',
  'atproto_dart_repo',
  'indigo_paul_staging.repo',
  'indigo_repo_slice',
  'rsky_valid_repo',
  'skyfall_attie',
]

it.each(['local/alice_repo.car', ...present(...OTHERS.map((name) => `car/${name}.car`))])(
  'a real section, %s, is read to its end, with the root among its blocks',
  (file) => {
    const section = new Blocks(bytesOf(file))
    const cid = section.root ?? new Uint8Array()
    expect(section.whole).toBe(true)
    expect(isCidOf(cid, section.get(cid) ?? new Uint8Array())).toBe(true)
  },
)
