export {
  type BrowserCursorStoreOptions,
  browserCursorStore,
  inOneTab,
  type OneTabOptions,
} from '../cursors/browser.js'
export { type KeepRecentOptions, keepRecent } from './keep-recent.js'
export { type PauseWhenHiddenOptions, pauseWhenHidden } from './pause-when-hidden.js'
export { pauseWhile } from './pause-while.js'
export { type PerFrameOptions, perFrame } from './per-frame.js'
