import type { Mutant } from '../mutant.js'

const specs = ['spec/delivery/copies.spec.ts']

/** Two copies of the library in one program. */
export const COPIES: readonly Mutant[] = [
  {
    name: 'each copy of the library has an open delivery of its own',
    file: 'src/delivery/delivery.ts',
    find: "shared<{ current: Holding | undefined }>('delivery', () => ({ current: undefined }))",
    replace: '{ current: undefined as Holding | undefined }',
    specs,
    tests: 'boundedMergeMap, ours over theirs with shared rxjs',
  },
  {
    name: 'an event that a copy of another contract refuses counts as done',
    file: 'src/delivery/delivery.ts',
    find: "holding.release('failed')\n  throw new DuplicateLibraryError",
    replace: "holding.release('done')\n  throw new DuplicateLibraryError",
    specs,
    tests: 'different contracts boundedMergeMap',
  },
  {
    name: 'copies of different contracts share deliveries',
    file: 'src/delivery/delivery.ts',
    find: 'current.copy.contract !== DELIVERY_CONTRACT',
    replace: 'current.copy.contract === 0',
    specs,
    tests: 'different contracts (hold|ingest)',
  },
  {
    name: 'an error is known only by the class of its own copy',
    file: 'src/errors.ts',
    find: "return typeof value === 'object' && value !== null && mark in value",
    replace: 'return Function.prototype[Symbol.hasInstance].call(this, value)',
    specs,
    tests: 'instanceof',
  },
  {
    name: "every error of ours is one of a program's own subclass",
    file: 'src/errors.ts',
    find: 'if (this !== Class) return Function.prototype[Symbol.hasInstance].call(this, value)',
    replace: '',
    specs,
    tests: 'instanceof',
  },
  {
    name: 'a cursor file has one writer in each copy of the library',
    file: 'src/cursors/file.ts',
    find: "shared('cursor-files.2', ",
    replace:
      '((_name: string, make: () => { files: Map<string, CursorFile>; ' +
      "forgetAll: () => void }) => make())('', ",
    specs,
    tests: 'cursor file',
  },
  {
    name: 'the native decoder is looked up from this package alone',
    file: 'src/zstd/decoders/node-decoders.ts',
    find: 'if (program === undefined) throw error',
    replace: 'throw error',
    specs: ['spec/zstd/native.spec.ts'],
  },
]
