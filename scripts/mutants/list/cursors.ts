import type { Mutant } from '../mutant.js'

/** Cursor stores, and who owns a cursor file. */
export const CURSORS: readonly Mutant[] = [
  {
    name: 'an older position is saved last',
    file: 'src/cursors/newest-wins.ts',
    find: 'waiting.value = value\n',
    replace: '\n',
    specs: ['spec/cursors/newest-wins.spec.ts'],
  },
  {
    name: 'two writes of one position run at a time',
    file: 'src/cursors/newest-wins.ts',
    find: 'last = last.then(writeWaiting, writeWaiting)',
    replace: 'last = Promise.resolve().then(writeWaiting)',
    specs: ['spec/cursors/newest-wins.spec.ts'],
  },
  {
    name: 'a lock of another host is taken over',
    file: 'src/cursors/file.ts',
    find: 'owner.host !== host || isRunning(owner)',
    replace: 'isRunning(owner)',
    specs: ['spec/cursors/file.spec.ts', 'spec/cursors/file-processes.spec.ts'],
  },
  {
    name: 'a later process with the same pid keeps the lock of a dead one',
    file: 'src/cursors/file.ts',
    find: 'start === undefined || running === undefined || running === start',
    replace: 'true',
    specs: ['spec/cursors/file.spec.ts', 'spec/cursors/file-processes.spec.ts'],
  },
  {
    name: 'a dead lock is replaced without a second look',
    file: 'src/cursors/lock.ts',
    find: 'if ((await disk.read(path)) === held) {',
    replace: 'if (held !== undefined) {',
    specs: ['spec/cursors/lock.spec.ts'],
  },
  {
    name: 'a lock that cannot be read counts as dead',
    file: 'src/cursors/lock.ts',
    find: 'owner !== undefined && !(await disk.isAlive(owner))',
    replace: 'owner === undefined || !(await disk.isAlive(owner))',
    specs: ['spec/cursors/lock.spec.ts', 'spec/cursors/file.spec.ts'],
  },
  {
    name: 'a save does not look whether the lock is still ours',
    file: 'src/cursors/cursor-file.ts',
    find: "await this.checkLock()\n    await attempt('write'",
    replace: "await attempt('write'",
    specs: ['spec/cursors/file.spec.ts'],
  },
  {
    name: 'a second stream may own the file',
    file: 'src/cursors/cursor-file.ts',
    find: 'if (key !== this.key) throw foreignCursor(this.path, this.key, key)',
    replace: '',
    specs: ['spec/cursors/file.spec.ts'],
  },
  {
    name: "another stream's position is read as ours",
    file: 'src/cursors/cursor-file.ts',
    find: 'if (document.key !== key) throw foreignCursor(this.path, document.key, key)',
    replace: '',
    specs: ['spec/cursors/file.spec.ts'],
  },
  {
    name: 'a store whose first use fails keeps the lock',
    file: 'src/cursors/cursor-file.ts',
    find: 'this.release()\n      throw error',
    replace: 'throw error',
    specs: ['spec/cursors/file.spec.ts'],
  },
  {
    name: 'a lock is let go while another store uses the file',
    file: 'src/cursors/cursor-file.ts',
    find: 'if (this.users.delete(user) && this.users.size === 0) this.release()',
    replace: 'if (this.users.delete(user)) this.release()',
    specs: ['spec/cursors/file.spec.ts'],
  },
]
