import WebSocket from 'ws'

/** The floor of the command line: each frame is written as a line, and nothing is looked at. */
const [, , url = ''] = process.argv
new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true }).on(
  'message',
  (data: Buffer) => void process.stdout.write(`${data}\n`),
)
