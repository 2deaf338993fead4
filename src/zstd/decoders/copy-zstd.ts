/** What to do where a bundle does not find its decoder. */
export const COPY_ZSTD = 'copy zstd.wasm beside the bundle, from `rxjs-atproto/zstd.wasm`'
