import { createDCtx, decompressUsingDict, init } from '@bokuweb/zstd-wasm'
import WebSocket from 'ws'
import type { Servers, Tally } from './contender.js'

const METHODS = '/xrpc/network.bsky.jetstream.'

/** What anybody writes first: the dictionary is given with each frame. */
export async function naive({ v2 }: Servers, { delivered }: Tally): Promise<void> {
  await init()
  const dictionary = new Uint8Array(
    await (await fetch(`http://${v2}${METHODS}getZstdDictionary`)).arrayBuffer(),
  )
  const id = new DataView(dictionary.buffer).getUint32(4, true)
  const context = createDCtx()
  const url = `ws://${v2}${METHODS}subscribeEvents?cursor=1000000000000000&zstdDictionary=${id}`
  new WebSocket(url, 'xrpc.v1.json', { perMessageDeflate: false }).on('message', (data: Buffer) => {
    JSON.parse(Buffer.from(decompressUsingDict(context, data, dictionary)).toString())
    delivered()
  })
}
