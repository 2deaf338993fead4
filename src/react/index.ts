export { type StreamSnapshot, useStream } from './use-stream.js'
