import type { Observable } from 'rxjs'
import { rejecter } from '../../delivery/rejects.js'
import { splitDelivery } from '../../delivery/split-delivery.js'
import { FrameError } from '../../errors.js'
import { bySequence } from '../../live/by-sequence.js'
import type { LiveOptions } from '../../live/config.js'
import type { Dial } from '../../socket/socket.js'
import type { LabelsConfig } from './config.js'
import type { LabelEvent } from './label.js'
import { labelsProtocol } from './protocol.js'

/**
 * The labels of one host: those of one frame in one delivery. `dial`: how a socket is opened; specs
 * hand in their own.
 */
export const labelsOf = (
  host: string,
  config: LabelsConfig,
  options: LiveOptions,
  dial?: Dial,
): Observable<LabelEvent> =>
  bySequence(labelsProtocol(host), `labels ${host}`, config, options, dial).pipe(
    splitDelivery(({ labels, frame }, emit) => {
      const reject = rejecter(options.rejects, host, frame)
      labels.forEach((label, index) => {
        if (label instanceof FrameError) reject(label)
        else emit(label, index)
      })
    }),
  )
