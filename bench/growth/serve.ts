import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { generateEvents } from 'rxjs-atproto/testing'
import { WebSocketServer } from 'ws'
import { answer, taskOf } from '../tools/child.js'

/**
 * A Jetstream without an end and without a log, on wire v1: the same some hundred events again and
 * again, with times that grow, written as fast as they are read. It answers with its port.
 */
const DIGITS = 16
const TIME = '"time_us":'
const EVENTS = 500

const frames = [...generateEvents({ count: EVENTS, seed: 9 })].map((event) => {
  const payload = Buffer.from(JSON.stringify(event))
  const header = Buffer.from([0x81, 126, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat(payload.length < 126 ? [] : [header, payload])
})
const block = Buffer.concat(frames)
const timesAt: readonly number[] = timesIn(block.toString('latin1'))

taskOf<object>()
const server = createServer()
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, () => pump(socket))
})
server.listen(0, '0.0.0.0', () => answer((server.address() as AddressInfo).port))

function pump(socket: Duplex): void {
  socket.on('error', () => {})
  let time = 1_767_225_600_000_000
  const write = () => {
    if (socket.destroyed) return
    for (const at of timesAt) {
      time += 1000
      block.write(String(time), at, DIGITS, 'latin1')
    }
    const goesOn = socket.write(Buffer.from(block))
    if (goesOn) setImmediate(write)
    else socket.once('drain', write)
  }
  write()
}

function timesIn(text: string): readonly number[] {
  const found: number[] = []
  for (let at = text.indexOf(TIME); at >= 0; at = text.indexOf(TIME, at + 1))
    found.push(at + TIME.length)
  return found
}
