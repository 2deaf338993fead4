import { defer, type Observable, of } from 'rxjs'
import { CursorProgress } from '../../connection/cursor-progress.js'
import { type LiveOptions, live } from '../../connection/live.js'
import { checkpointOptions } from '../../connection/live-config.js'
import { parts } from '../../connection/parts.js'
import { reject } from '../../connection/rejects.js'
import { FrameError } from '../../errors.js'
import type { Dial } from '../../socket/socket.js'
import type { LabelsConfig } from './config.js'
import type { LabelEvent } from './label.js'
import type { Message } from './message.js'
import { labelsProtocol } from './protocol.js'

/** The labels of one host: those of one frame in one delivery. `dial`: how a socket is opened; specs hand in their own. */
export const labelsOf = (host: string, config: LabelsConfig, options: LiveOptions, dial?: Dial): Observable<LabelEvent> =>
  messagesOf(host, config, options, dial).pipe(
    parts(({ labels, frame }, emit) =>
      labels.forEach((label, index) => {
        if (label instanceof FrameError) reject(options.rejects, host, frame, label)
        else emit(label, index)
      }),
    ),
  )

function messagesOf(host: string, config: LabelsConfig, options: LiveOptions, dial: Dial | undefined): Observable<Message> {
  const { cursor = 'live', onCursorRefused = 'oldest' } = config
  const positions = {
    start: cursor === 'live' ? undefined : cursor,
    onCursorRefused,
    checkpoint: checkpointOptions(config.checkpoint),
    key: `labels ${host}`,
  }
  return defer(() =>
    live<Message>({
      options,
      protocol: () => of(labelsProtocol(host)),
      progress: (gaps, context) => new CursorProgress(positions, gaps, context),
      ...(dial === undefined ? {} : { dial }),
    }),
  )
}
