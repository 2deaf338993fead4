// A browser's own answers with a promise, and an event is emitted in the call that brings its
// frame.
export { sha256 } from '@noble/hashes/sha2.js'
