import type { ConnectFault, ConnectionFault } from '../server/faults.js'

/**
 * The faults after so many frames: those of a fake Jetstream without the faults of its log and its
 * error frames. A Tap never sends a close frame: `close` is what a proxy in front of it does.
 */
export type TapEventFault = ConnectionFault

/** One entry of `faults`. `after` counts the frames sent, copies included, over all connections. */
export type TapFault = TapEventFault | ConnectFault
