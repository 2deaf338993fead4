import { defer, type Observable, of } from 'rxjs'
import * as z from '#schema'
import type { Wanted } from '../atproto/filters.js'
import type { PositionKeys } from '../cursors/load-position.js'
import { type CheckpointConfig, checkpointOptions } from '../delivery/checkpoint-options.js'
import { WireError } from '../errors.js'
import type { Issues } from '../options/issues.js'
import { defaultsTo, oneOf } from '../options/pieces.js'
import { withDefaults } from '../options/with-defaults.js'
import type { Frame } from '../socket/frame.js'
import type { Dial, Received } from '../socket/socket.js'
import type { LiveOptions } from './config.js'
import { CursorProgress } from './cursor-progress.js'
import type { OnCursorRefused } from './cursor-request.js'
import { checkEachHost, type EachHostConfig, eachHostShape } from './each-host.js'
import { live } from './live.js'
import { type NamedFilter, withoutDelivered } from './named-filter.js'
import type { CursorProtocol } from './protocol.js'

/**
 * The options of a source whose positions are sequence numbers. Each host has its own numbers, and
 * takes no time for a position.
 */
export interface SequenceConfig extends EachHostConfig {
  /**
   * Where to start when there is no stored checkpoint: `'live'`, with new events; `'oldest'`, with
   * the oldest event that the server has; or at a sequence number, whose event is the first one. A
   * number is refused with several hosts, since each host has its own numbers.
   * @default 'live'
   */
  readonly cursor?: 'live' | 'oldest' | number | undefined
  /**
   * Where the position of the finished events is saved for the next run: a `CursorStore`, or
   * `{ store, everyMs = 1000 }`. A stored position takes precedence over `cursor`.
   * @default none
   */
  readonly checkpoint?: CheckpointConfig | undefined
  /**
   * What to do when the server's log is not the one that the position came from: end the stream, or
   * continue from another position. A gap is reported either way.
   * @default 'oldest'
   */
  readonly onCursorRefused?: OnCursorRefused | undefined
  /**
   * What to do with a message above `maxFrameBytes`; the server cannot leave it out. `'skip'`:
   * discard it, report a gap and a reject, and continue without a reconnect. `'fail'`: end the
   * stream with `FrameTooLargeError`.
   * @default 'skip'
   */
  readonly onLargeFrame?: 'skip' | 'fail' | undefined
}

const CURSOR = "must be 'live', 'oldest' or a sequence number"

export const sequenceShape = {
  ...eachHostShape,
  cursor: defaultsTo(
    z.union([z.literal(['live', 'oldest']), z.int(CURSOR).check(z.gte(0, CURSOR))], CURSOR),
    'live',
  ),
  onCursorRefused: defaultsTo(oneOf('fail', 'oldest', 'live'), 'oldest'),
  onLargeFrame: defaultsTo(oneOf('skip', 'fail'), 'skip'),
}

/** Adds the mistakes that would mix the positions or the metrics of two streams. */
export function checkSequence(
  config: SequenceConfig,
  hosts: readonly string[],
  issues: Issues,
): void {
  checkEachHost(config, hosts, issues)
  if (hosts.length > 1 && typeof config.cursor === 'number') {
    issues.add(
      'cursor',
      `must be 'live' or 'oldest' where there are several hosts, not ${config.cursor}: ` +
        'each counts for itself',
    )
  }
}

/** How the positions of one host are stored. */
export interface SequencePositions<Message> {
  readonly keys: PositionKeys
  /** The filters of a stream that has a name in the store. */
  readonly filter?: NamedFilter | undefined
  /** Whether any part of a message is wanted now, and was not delivered before. */
  isNew?(message: Message, delivered: Wanted): boolean
}

const ALWAYS_NEW = () => true

/** The messages of one host. `dial`: opens a socket; specs pass their own. */
export function bySequence<Message>(
  protocol: CursorProtocol<Message>,
  { keys, filter, isNew = ALWAYS_NEW }: SequencePositions<Message>,
  config: SequenceConfig,
  options: LiveOptions,
  dial: Dial | undefined,
): Observable<Message> {
  const { cursor, onCursorRefused, onLargeFrame, checkpoint } = withDefaults(sequenceShape, config)
  const start = cursor === 'live' ? undefined : cursor
  const positions = {
    start,
    onCursorRefused,
    checkpoint: checkpointOptions(checkpoint),
    ...keys,
    filter,
    host: options.hosts[0],
  }
  return defer(() => {
    const checked: CursorProtocol<Message> = {
      ...refusingText(protocol),
      largeFrames: onLargeFrame,
    }
    return live<Message>({
      options,
      protocol: () => of(withoutDelivered(checked, filter, isNew)),
      progress: (gaps, context) => new CursorProgress(positions, gaps, context),
      ...(dial === undefined ? {} : { dial }),
    })
  })
}

/**
 * A server whose first message is text is of another kind: all its messages are text. A text after
 * binary messages is only one unreadable frame.
 */
function refusingText<Message>(protocol: CursorProtocol<Message>): CursorProtocol<Message> {
  let isBinary = false
  const decode = (frame: Frame) => {
    isBinary ||= typeof frame !== 'string'
    if (!isBinary)
      throw new WireError(`${protocol.host} sends text, and an event stream is binary; ${REMEDY}`)
    return protocol.decode(frame)
  }
  const { gathering } = protocol
  return { ...protocol, decode, gathering: gathering && { add, take: () => gathering.take() } }

  function add(frame: Received): boolean {
    const isAdded = gathering?.add(frame) ?? false
    isBinary ||= isAdded
    return isAdded
  }
}

const REMEDY = 'read a Jetstream with `jetstream$`, and a Tap with `tap$`'
