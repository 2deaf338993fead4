import type { ConnectFault, ConnectionFault } from '../server/faults.js'

/**
 * What can go wrong after so many frames: as on a fake Jetstream, but for its log, and Tap has no
 * words for an error. `close` is what a proxy in front does; a Tap never does.
 */
export type TapEventFault = ConnectionFault

/** One entry of `faults`. `after` counts the frames sent, copies included, over all connections. */
export type TapFault = TapEventFault | ConnectFault
