import { currentDelivery, type DeliverySource, type Holding } from '../../delivery/delivery.js'
import { HoldError, RecordError, RedisConflictError } from '../../errors.js'
import { hashNumber } from '../../internal/hash.js'
import type { EntryField, EntryFormat } from '../../redis-entries/entry-format.js'
import { formatOf } from '../../redis-entries/format.js'
import type { Settings } from './options.js'
import type { OutgoingEvent, RowPlace } from './row.js'

/** An event cannot be written as an entry; `cause` says why. */
export class EncodeError extends Error {
  constructor(cause: unknown) {
    super('the event cannot be written as an entry', { cause })
  }
}

const NO_POSITION =
  '`toRedisStream` got a value outside a delivery, or a batch, and cannot know its position; ' +
  'put it above the operator that moves values to a later tick, or give positions with `id`'

const SHARED_ID =
  'two values came of one event, and cannot share its id; ' +
  "give each its own with `id`, or choose `ids: 'redis'`"

/** Encodes events as entries, in their deliveries. State of one subscription. */
export class EntryEncoder<Event> {
  readonly #format: EntryFormat
  #last: Holding | undefined
  #copy = 0
  #host: string | undefined
  #source: DeliverySource | undefined

  constructor(private readonly settings: Settings<Event>) {
    this.#format = formatOf(settings.format)
  }

  readonly encode = (event: Event): OutgoingEvent<Event> => {
    const holding = currentDelivery()
    try {
      const place = this.#placeOf(event, holding)
      const hash = this.#hashOf(event)
      return {
        event,
        holding,
        hash,
        row: { place, field: this.#encode(event, place.host), id: '' },
      }
    } catch (error) {
      if (error instanceof EncodeError) throw error
      // The program's `partitionBy` or `id` read a record that a stranger made unreadable.
      if (error instanceof RecordError) throw new EncodeError(error)
      // No operator below has the event yet: it fails here.
      holding?.hold()
      holding?.release('failed')
      throw error
    }
  }

  #encode(event: Event, host: string): EntryField {
    try {
      return this.#format.encode(event, host)
    } catch (error) {
      throw new EncodeError(error)
    }
  }

  #placeOf(event: Event, holding: Holding | undefined): RowPlace {
    const { id } = this.settings
    if (id !== undefined) {
      const { position, index = 0, host = '' } = id(event)
      return checkedPosition({ host, position, index, copy: 0 })
    }
    const place = holding?.place
    if (holding === undefined || place === undefined) {
      throw new HoldError(NO_POSITION)
    }
    this.#countCopies(holding)
    if (this.settings.ids === 'position') this.#checkHost(place.host, holding)
    // Copied: the place may be the delivery itself, which must not be kept.
    return checkedPosition({
      host: place.host,
      position: place.position,
      index: place.index,
      copy: this.#copy,
    })
  }

  #countCopies(holding: Holding): void {
    this.#copy = holding === this.#last ? this.#copy + 1 : 0
    this.#last = holding
    if (this.#copy === 0 || this.settings.ids === 'redis') return
    throw new HoldError(SHARED_ID)
  }

  /** A source that fails over between hosts is one writer; a second source beside it is not. */
  #checkHost(host: string, holding: Holding): void {
    if (host === this.#host && this.#source?.closed === false) return
    holding.eachSource((source) => {
      if (
        this.#host !== undefined &&
        host !== this.#host &&
        source !== this.#source &&
        this.#source?.closed === false
      ) {
        throw new RedisConflictError(
          `${host} and ${this.#host} cannot share \`${this.settings.stream}\` with their positions \
for ids; give each a stream, or choose \`ids: 'redis'\``,
        )
      }
      this.#host = host
      this.#source = source
    })
  }

  #hashOf(event: Event): number {
    const { partitions, partitionBy } = this.settings
    return partitions === undefined ? 0 : hashNumber(partitionBy(event))
  }
}

function checkedPosition(place: RowPlace): RowPlace {
  if (
    Number.isSafeInteger(place.position) &&
    place.position >= 0 &&
    Number.isSafeInteger(place.index) &&
    place.index >= 0
  )
    return place
  throw new HoldError(
    `a position and an index must be whole numbers, not ${place.position} and ${place.index}; \
give them with \`id\``,
  )
}
