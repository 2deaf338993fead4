import { connect } from 'node:net'

/**
 * The least that a reader can do: walk from frame to frame without looking into one. What it reads
 * in a second is what the server can send, and every other contender must be well below it, or the
 * bench would measure the server.
 */
export function countFrames(url: string, frame: () => void): void {
  const { hostname, port, pathname, search } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n` +
      `Upgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const walk = walker(frame)
  socket.once('data', (chunk) => {
    // The answer's head ends in an empty line; frames may follow in the same chunk.
    walk(chunk.subarray(chunk.indexOf('\r\n\r\n') + 4))
    socket.on('data', walk)
  })
}

/**
 * RFC 6455 section 5.2, for a server's frames: not masked, and here never longer than 65,535 bytes.
 */
function walker(frame: () => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let skip = 0
  return (chunk) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = skip
    while (at + 4 <= data.length) {
      const short = (data[at + 1] ?? 0) & 0x7f
      at += short === 126 ? 4 + data.readUInt16BE(at + 2) : 2 + short
      frame()
    }
    rest = at < data.length ? data.subarray(at) : Buffer.alloc(0)
    skip = Math.max(0, at - data.length)
  }
}
