import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import wabt from 'wabt'
import { type SliceableBytes, TextBytes } from '../../../src/socket/text-bytes.js'
import {
  number,
  object,
  type Scanner,
  type Shape,
  sharedScanner,
  string,
} from '../../../src/sources/jetstream/lazy/scanner.js'
import { SCANNER_WASM } from '../../../src/sources/jetstream/lazy/scanner-wasm.js'
import { runs } from '../../helpers/thick.js'

const SOURCE = new URL('../../../src/sources/jetstream/lazy/scanner.wat', import.meta.url)
const KIB = 1024

function scanner(): Scanner {
  const shared = sharedScanner()
  if (shared === undefined) throw new Error('this Node has no WebAssembly with SIMD')
  return shared
}

/** A message between two others, as in a chunk of the socket. */
function messageOf(bytes: Uint8Array, before = 'x'.repeat(5), behind = '"}]}\u{1f30a}'): TextBytes {
  const chunk = Buffer.concat([Buffer.from(before), bytes, Buffer.from(behind)]) as Buffer &
    SliceableBytes
  return new TextBytes(chunk, Buffer.byteLength(before), Buffer.byteLength(before) + bytes.length)
}

const A_STRING = ['{"a":"', string(0), '"}']
const AN_OBJECT = ['{"a":', object(0), '}']
const A_NUMBER = ['{"a":', number(0), '}']
const THE_LAST_NUMBER = ['{"a":', number(0)]
const BEHIND_A_STRING = ['"', string(1), '"', object(0), '!']

function matches(shape: Shape, text: string | Uint8Array): boolean {
  return scanner().matches(scanner().prepare(shape), messageOf(Buffer.from(text)))
}

/** What an object is to the scanner: brackets that balance outside of strings. */
function objectEnd(bytes: Uint8Array, from: number): number {
  let [depth, inString] = [0, false]
  if (bytes[from] !== 0x7b) return 0
  for (let at = from; at < bytes.length; at += 1) {
    const byte = String.fromCharCode(bytes[at] as number)
    if (byte === '"') inString = !inString
    else if (inString) at += byte === '\\' ? 1 : 0
    else if ('{['.includes(byte)) depth += 1
    else if ('}]'.includes(byte)) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return 0
}

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

it('is what its source compiles to', async () => {
  const { parseWat } = await wabt()
  const { buffer } = parseWat('scanner.wat', readFileSync(SOURCE, 'utf8')).toBinary({})
  expect(Buffer.from(buffer).toString('base64')).toBe(SCANNER_WASM)
})

describe('a string of a shape', () => {
  it('of any length is found, and what is cut from it is a copy', () => {
    for (let length = 0; length < 70; length++) {
      const text = 'abcdefghij'.repeat(7).slice(0, length)
      const message = messageOf(Buffer.from(`{"a":"${text}"}`))
      expect(scanner().matches(scanner().prepare(A_STRING), message)).toBe(true)
      const strings = scanner().strings(message.chunk)
      message.chunk.fill(0)
      expect(scanner().string(0, strings)).toBe(text)
    }
  })

  it('is printable ASCII without an escape', () => {
    for (let byte = 0; byte < 256; byte++) {
      for (const at of [0, 15, 16, 40]) {
        const text = Buffer.from(`{"a":"${'y'.repeat(50)}"}`)
        text[6 + at] = byte
        expect(matches(A_STRING, text)).toBe(
          byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c,
        )
      }
    }
  })

  it('too long for all strings together is none', () => {
    const shape = ['["', string(0), '","', string(1), '"]']
    const both = (one: number, two: number) =>
      matches(shape, `["${'a'.repeat(one)}","${'b'.repeat(two)}"]`)
    expect([both(1400, 1400), both(2900, 10), both(1400, 1500), both(10, 200_000)]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

describe('a number of a shape', () => {
  it.each([
    ['1', 1],
    ['1700000000000000', 1_700_000_000_000_000],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9999999999999999', 10_000_000_000_000_000],
    ['10000000000000000', undefined],
    ['0', undefined],
    ['01', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    ['"1"', undefined],
  ])('%s is read as %p', (text, value) => {
    const found = matches(A_NUMBER, `{"a":${text}}`)
    expect(found ? scanner().number(0) : undefined).toBe(value)
  })

  it('ends with the message, and not with digits that follow it', () => {
    const message = messageOf(Buffer.from('{"a":12'), '', '34}')
    expect(scanner().matches(scanner().prepare(A_NUMBER), message)).toBe(false)
    expect(scanner().matches(scanner().prepare(THE_LAST_NUMBER), message)).toBe(false)
  })
})

describe('an object of a shape', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    '\\"',
    '\\\\',
    'a',
    ':',
    ',',
    'abcdefghijklmnop',
    '"b":',
    'é',
    '\u{1f30a}',
  )
  const soup = fc.array(token, { maxLength: 60 }).map((tokens) => `{${tokens.join('')}`)
  const sound = fc.object({ maxDepth: 4 }).map((value) => JSON.stringify(value))

  it('ends where its brackets balance', () => {
    const ways = { found: 0, none: 0 }
    const property = fc.property(fc.oneof(soup, sound), fc.nat(70), (text, before) => {
      const bytes = Buffer.from(`"${'s'.repeat(before)}"${text}!`)
      const end = objectEnd(bytes, before + 2)
      const isWhole = end === bytes.length - 1
      const message = messageOf(bytes)
      expect(scanner().matches(scanner().prepare(BEHIND_A_STRING), message)).toBe(isWhole)
      ways[isWhole ? 'found' : 'none'] += 1
      if (isWhole)
        expect([scanner().from(0) - message.from, scanner().to(0) - message.from]).toEqual([
          before + 2,
          end,
        ])
    })
    fc.assert(property, { seed: 1, numRuns: runs(1500, 4000) })
    expect(Math.min(ways.found, ways.none)).toBeGreaterThan(500)
  })

  it.each(['', '\\n'])(
    'is none where it ends behind its message, also as the last of its shape (with %j)',
    (escaped) => {
      const shapes: readonly [Shape, Shape] = [
        [`["${escaped}",`, object(0), ']'],
        [`["${escaped}",`, object(0)],
      ]
      for (let length = 0; length < 80; length++) {
        const message = messageOf(
          Buffer.from(`["${escaped}",{"b":"${escaped}${'x'.repeat(length)}`),
          '',
          '"}]',
        )
        expect(scanner().matches(scanner().prepare(shapes[0]), message)).toBe(false)
        expect(scanner().matches(scanner().prepare(shapes[1]), message)).toBe(false)
      }
    },
  )
})

describe('the text of a message', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
    fc
      .tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat(40), fc.nat(255))
      .map(([text, at, byte]) => {
        const one = Buffer.from(text)
        if (at < one.length) one[at] = byte
        return one
      }),
  )

  it('matches where it is UTF-8, and says whether it is ASCII', () => {
    const ways = { ascii: 0, utf8: 0, neither: 0 }
    const property = fc.property(bytes, fc.nat(40), (some, before) => {
      // Within a string, where nothing of it can be structure.
      const content = Buffer.from(
        some.map((byte) => (byte === 0x22 || byte === 0x5c ? 0x61 : byte)),
      )
      const text = Buffer.concat([
        Buffer.from(`{"a":{"b":"${'-'.repeat(before)}`),
        content,
        Buffer.from('"}}'),
      ])
      const found = matches(AN_OBJECT, text)
      expect(found).toBe(isUtf8(text))
      const isAscii = text.every((byte) => byte < 0x80)
      if (found) expect(scanner().isAscii).toBe(isAscii)
      ways[isAscii ? 'ascii' : found ? 'utf8' : 'neither'] += 1
    })
    fc.assert(property, { seed: 2, numRuns: runs(1500, 6000) })
    expect(Math.min(...Object.values(ways))).toBeGreaterThan(runs(75, 300))
  })

  it('is judged as the Unicode Standard has it, for every beginning of a character', () => {
    const tails = [
      [],
      [0x80],
      [0xbf],
      [0x80, 0x80],
      [0xbf, 0xbf],
      [0x80, 0x80, 0x80],
      [0xbf, 0xbf, 0xbf],
    ]
    let right = 0
    for (let first = 0x80; first < 256; first++) {
      for (let second = 0x70; second < 0xd0; second++) {
        for (const tail of tails) {
          const text = Buffer.concat([
            Buffer.from('{"a":{"b":"'),
            Buffer.of(first, second, ...tail),
            Buffer.from('"}}'),
          ])
          const expected = isUtf8(text)
          if (matches(AN_OBJECT, text) !== expected)
            throw new Error(`${text.toString('hex')} is ${expected ? '' : 'not '}UTF-8`)
          right += expected ? 1 : 0
        }
      }
    }
    expect(right).toBeGreaterThan(1000)
  })

  it('may be followed by white space, and by nothing else', () => {
    for (let byte = 0; byte < 256; byte++) {
      const text = Buffer.concat([Buffer.from('{"a":"b"}'), Buffer.of(0x20, byte)])
      expect(matches(A_STRING, text)).toBe([0x20, 0x0a, 0x0d, 0x09].includes(byte))
    }
  })
})

describe('a chunk', () => {
  const text = (size: number) => `{"a":"b"}${' '.repeat(size - 9)}`

  it('of any size is read, a message above 256 KiB is not', () => {
    const found = [9, 256 * KIB, 256 * KIB + 1].map((size) =>
      scanner().matches(scanner().prepare(A_STRING), messageOf(Buffer.from(text(size)), '', '')),
    )
    expect(found).toEqual([true, true, false])
    const message = messageOf(Buffer.from('{"a":"far"}'), ' '.repeat(300 * KIB))
    expect(scanner().matches(scanner().prepare(A_STRING), message)).toBe(true)
    expect(scanner().string(0, scanner().strings(message.chunk))).toBe('far')
    const inObject = messageOf(Buffer.from('{"a":{}}'), ' '.repeat(300 * KIB))
    expect(scanner().matches(scanner().prepare(AN_OBJECT), inObject)).toBe(true)
    expect([scanner().from(0), scanner().to(0)]).toEqual([300 * KIB + 5, 300 * KIB + 7])
  })

  it('takes turns with the chunk of another stream', () => {
    const messages = ['one', 'two'].map((name) => messageOf(Buffer.from(`{"a":"${name}"}`)))
    const read = [...messages, ...messages].map((message) => {
      scanner().matches(scanner().prepare(A_STRING), message)
      return scanner().string(0, scanner().strings(message.chunk))
    })
    expect(read).toEqual(['one', 'two', 'one', 'two'])
  })
})
