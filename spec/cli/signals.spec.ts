import { onStopSignal } from '../../src/cli/signals.js'
import { onPlatform } from '../helpers/platform.js'

const STOPPING = ['SIGINT', 'SIGTERM', 'SIGBREAK', 'SIGHUP'] as const

/** What a signal is told as. */
function toldAs(signal: (typeof STOPPING)[number]): string | undefined {
  let told: string | undefined
  const stopListening = onStopSignal((as) => {
    told = as
  })
  process.emit(signal)
  stopListening()
  return told
}

describe('the signals of the command line', () => {
  it('are those of the system', () => {
    onPlatform('linux', () => {
      expect(STOPPING.map(toldAs)).toEqual(['SIGINT', 'SIGTERM', undefined, undefined])
    })
  })

  it('on Windows are Ctrl+Break and a closed window too', () => {
    onPlatform('win32', () => {
      expect(STOPPING.map(toldAs)).toEqual(['SIGINT', 'SIGTERM', 'SIGINT', 'SIGTERM'])
    })
  })
})
