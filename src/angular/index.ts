export { type InjectedStream, injectStream } from './inject-stream.js'
export { type LiveList, type LiveListOptions, liveList } from './live-list.js'
export { provideAtproto, type StreamConfig } from './provide-atproto.js'
export {
  type StreamRequest,
  type StreamResource,
  type StreamResourceOptions,
  streamResource,
} from './stream-resource.js'
