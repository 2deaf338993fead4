import type { JetstreamEvent } from '../../events.js'
import type { TextBytes } from '../../socket/text-bytes.js'
import { ByteReader, CLOSE_OBJECT, Literal } from './byte-reader.js'
import { type Found, lazyEvent, OPERATIONS } from './lazy-event.js'
import { Names } from './names.js'

const DID = new Literal('{"did":"')
const TIME = new Literal(',"time_us":')
const CURSOR = new Literal(',"cursor":')
const REV = new Literal(',"kind":"commit","commit":{"rev":"')
const OPERATION = OPERATIONS.map((operation) => new Literal(`,"operation":"${operation}","collection":"`))
const RKEY = new Literal(',"rkey":"')
const RECORD = new Literal(',"record":')
const CID = new Literal(',"cid":"')

/**
 * Reads the commits of wire v1 as its servers write them, member for member, and leaves their records as text. `undefined` for everything else,
 * which has to be parsed then.
 */
export function lazyV1(): (message: TextBytes) => JetstreamEvent | undefined {
  const reader = new ByteReader()
  const names = new Names()

  return (message) => {
    reader.start(message)
    if (!reader.literal(DID) || !reader.string()) return undefined
    const did = reader.text()
    if (!reader.literal(TIME)) return undefined
    const time_us = reader.digits()
    const cursor = reader.literal(CURSOR) ? reader.digits() : undefined
    if (time_us === 0 || cursor === 0 || !reader.literal(REV) || !reader.string()) return undefined
    const rev = reader.text()
    const operation = OPERATIONS[OPERATION.findIndex((literal) => reader.literal(literal))]
    if (operation === undefined || !reader.string()) return undefined
    const collection = names.read(reader)
    if (!reader.literal(RKEY) || !reader.string()) return undefined
    const found: Found = { did, time_us, cursor, rev, operation, collection, rkey: reader.text(), recordFrom: 0, recordTo: 0, cid: '' }
    if (operation !== 'delete' && !readRecord(reader, found)) return undefined
    if (!reader.byte(CLOSE_OBJECT) || !reader.byte(CLOSE_OBJECT) || !reader.isOver()) return undefined
    return lazyEvent(message, reader.isAscii, found)
  }
}

function readRecord(reader: ByteReader, found: Found): boolean {
  if (!reader.literal(RECORD) || !reader.object()) return false
  found.recordFrom = reader.from
  found.recordTo = reader.to
  if (!reader.literal(CID) || !reader.string()) return false
  found.cid = reader.text()
  return true
}
