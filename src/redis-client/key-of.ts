/** The key by which a cluster finds the node of a command, for the commands of this library. */
export function keyOf([name, ...args]: readonly string[]): string | undefined {
  switch (name) {
    case 'PING':
    case 'INFO':
    case 'TIME':
      return undefined
    case 'EVAL':
    case 'EVALSHA':
      return args[1] === '0' ? undefined : args[2]
    case 'XINFO':
    case 'XGROUP':
      return args[1]
    case 'XREAD':
    case 'XREADGROUP':
      return args[args.indexOf('STREAMS') + 1]
    default:
      return args[0]
  }
}
