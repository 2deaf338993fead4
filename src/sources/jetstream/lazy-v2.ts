import type { JetstreamEvent } from '../../events.js'
import type { TextBytes } from '../../socket/text-bytes.js'
import { ByteReader, CLOSE_OBJECT, Literal } from './byte-reader.js'
import { type Found, lazyEvent, OPERATIONS } from './lazy-event.js'
import { Names } from './names.js'
import { microseconds } from './time.js'

const HEAD = new Literal('{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit",')
const CID = new Literal('"cid":"')
const COMMA_COLLECTION = new Literal(',"collection":"')
const COLLECTION = new Literal('"collection":"')
const DID = new Literal(',"did":"')
const OPERATION = OPERATIONS.map((operation) => new Literal(`,"operation":"${operation}",`))
const RECORD = new Literal('"record":')
const COMMA_REV = new Literal(',"rev":"')
const REV = new Literal('"rev":"')
const RKEY = new Literal(',"rkey":"')
const SEQ = new Literal(',"seq":')
const TIME = new Literal(',"time":"')

/**
 * Reads the commits of wire v2 as its servers write them, their members sorted, and leaves their records as text. `undefined` for everything else,
 * which has to be parsed then.
 */
export function lazyV2(): (message: TextBytes) => JetstreamEvent | undefined {
  const reader = new ByteReader()
  const names = new Names()

  return (message) => {
    reader.start(message)
    if (!reader.literal(HEAD)) return undefined
    const hasCid = reader.literal(CID)
    if (hasCid && !reader.string()) return undefined
    const cid = hasCid ? reader.text() : ''
    if (!reader.literal(hasCid ? COMMA_COLLECTION : COLLECTION) || !reader.string()) return undefined
    const collection = names.read(reader)
    if (!reader.literal(DID) || !reader.string()) return undefined
    const did = reader.text()
    const operation = OPERATIONS[OPERATION.findIndex((literal) => reader.literal(literal))]
    // A delete has neither a record nor a CID; the others have both.
    if (operation === undefined || hasCid !== (operation !== 'delete')) return undefined
    if (hasCid && (!reader.literal(RECORD) || !reader.object())) return undefined
    const [recordFrom, recordTo] = [reader.from, reader.to]
    if (!reader.literal(hasCid ? COMMA_REV : REV) || !reader.string()) return undefined
    const rev = reader.text()
    if (!reader.literal(RKEY) || !reader.string()) return undefined
    const rkey = reader.text()
    if (!reader.literal(SEQ)) return undefined
    const cursor = reader.digits()
    if (cursor === 0 || !reader.literal(TIME) || !reader.string()) return undefined
    const time_us = microseconds(reader.text())
    if (!Number.isSafeInteger(time_us) || time_us <= 0) return undefined
    if (!reader.byte(CLOSE_OBJECT) || !reader.byte(CLOSE_OBJECT) || !reader.isOver()) return undefined
    const found: Found = { did, time_us, cursor, rev, operation, collection, rkey, recordFrom, recordTo, cid }
    return lazyEvent(message, reader.isAscii, found)
  }
}
