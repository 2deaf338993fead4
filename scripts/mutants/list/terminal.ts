import type { Mutant } from '../mutant.js'

const LINES = ['spec/cli/lines.spec.ts']

const TABLE = ['spec/cli/table.spec.ts']

const RECORDINGS = ['spec/testing/recording.spec.ts']
const PASS_THROUGH = ['spec/cli/pass-through.spec.ts']

/** What a person sees of the command line, and the files that it keeps. */
export const TERMINAL: readonly Mutant[] = [
  {
    name: 'the head of a line takes more than half of its width',
    file: 'src/cli/lines/layout.ts',
    find: 'Math.floor(columns / 2)',
    replace: 'Math.floor(columns * 0.7)',
    specs: LINES,
  },
  {
    name: 'wide characters count as narrow ones',
    file: 'src/cli/width.ts',
    find: '? 2 : 1',
    replace: '? 1 : 1',
    specs: LINES,
  },
  {
    name: 'a crash leaves the terminal in raw mode',
    file: 'src/cli/table/keys.ts',
    find: "    process.on('exit', restore)\n",
    replace: '',
    specs: TABLE,
  },
  {
    name: 'the last minute keeps seconds of the minute before',
    file: 'src/cli/table/counts.ts',
    find: 'seconds[at % SLOTS] = 0',
    replace: 'void seconds',
    specs: TABLE,
  },
  {
    name: 'a line of wire v2 is its whole message',
    file: 'src/cli/pass-through.ts',
    find: "watch.metrics.wire === 'v1' && ",
    replace: '',
    specs: PASS_THROUGH,
  },
  {
    name: 'an unreadable record is passed on as it came',
    file: 'src/cli/pass-through.ts',
    find: ' && !isUnreadable(chunk)',
    replace: '',
    specs: PASS_THROUGH,
  },
  {
    name: 'an unreadable record is gathered with others',
    file: 'src/sources/jetstream/raw/gatherer.ts',
    find: ' || isUnreadable(read)',
    replace: '',
    specs: PASS_THROUGH,
  },
  {
    name: 'more DIDs than a connection takes are asked for in chunks',
    file: 'src/sources/jetstream/config.ts',
    find: 'config.dids.length > most',
    replace: 'config.dids.length > Infinity',
    specs: ['spec/sources/jetstream/chunks.spec.ts'],
  },
  {
    name: 'a recording that was cut off cannot be read',
    file: 'src/testing/jetstream/recording.ts',
    find: 'createGunzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH })',
    replace: 'createGunzip()',
    specs: RECORDINGS,
  },
  {
    name: 'a handle with several DIDs is the first of them',
    file: 'src/cli/handles.ts',
    find: 'if (other !== undefined) throw',
    replace: "if (other === '') throw",
    specs: ['spec/cli/handles.spec.ts'],
  },
]
