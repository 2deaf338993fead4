import type { Observable } from 'rxjs'
import { checkpointOptions } from '../../delivery/checkpoint-options.js'
import { positionKeys } from '../../delivery/position-keys.js'
import { rejecter } from '../../delivery/rejects.js'
import { type MessageParts, NO_PART, splitDelivery } from '../../delivery/split-delivery.js'
import { FrameError } from '../../errors.js'
import { bySequence } from '../../live/by-sequence.js'
import type { LiveOptions } from '../../live/config.js'
import type { Dial } from '../../socket/socket.js'
import type { LabelsConfig } from './config.js'
import type { LabelEvent } from './label.js'
import type { Message } from './message.js'
import { labelsProtocol } from './protocol.js'

/**
 * The labels of one host. The labels of one frame are one delivery. `dial`: opens a socket; specs
 * pass their own.
 */
export const labelsOf = (
  host: string,
  config: LabelsConfig,
  options: LiveOptions,
  dial?: Dial,
): Observable<LabelEvent> => {
  const checkpoint = checkpointOptions(config.checkpoint)
  const keys = positionKeys(checkpoint, `labels ${host}`, 'labels', host)
  return bySequence(labelsProtocol(host), { keys }, config, options, dial).pipe(
    splitDelivery((message) => new ReadableLabels(message, options, host)),
  )
}

/** The labels of one frame. Labels that cannot be read are rejects. */
class ReadableLabels implements MessageParts<LabelEvent> {
  readonly length: number
  readonly #labels: Message['labels']
  readonly #reject: (error: FrameError) => void

  constructor({ labels, frame }: Message, { rejects }: LiveOptions, host: string) {
    this.length = labels.length
    this.#labels = labels
    this.#reject = rejecter(rejects, host, frame)
  }

  at(index: number): LabelEvent | typeof NO_PART {
    const label = this.#labels[index]
    if (!(label instanceof FrameError)) return label ?? NO_PART
    this.#reject(label)
    return NO_PART
  }
}
