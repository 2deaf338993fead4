import type { Mutant } from '../mutant.js'

const IN_A_PAGE = 'spec/sources/jetstream/in-a-page.spec.ts'

/** What differs in a page, and in a bundle. */
export const PAGES: readonly Mutant[] = [
  {
    name: 'a page loads what a reconnect needs only when the connection is lost',
    file: 'src/live/cursor-progress.ts',
    find: 'else this.#loadResuming().catch(() => {})',
    replace: '',
    specs: [IN_A_PAGE],
  },
  {
    name: 'a page forgets filters that come while their part is loaded',
    file: 'src/sources/jetstream/over-several.ts',
    find: 'overConnections({ ...options, filters$ })',
    replace: 'overConnections(options)',
    specs: [IN_A_PAGE],
  },
  {
    name: 'run does not find a stream whose part is loaded first',
    file: 'src/delivery/with-part.ts',
    find: 'watch === undefined\n',
    replace: 'part !== undefined\n',
    specs: [IN_A_PAGE],
  },
  {
    name: 'a paused list of Angular dials once more as it is destroyed',
    file: 'src/angular/connections.ts',
    find: 'if (this.#readers.size === 0) return\n    const isHeld =',
    replace: 'const isHeld = this.#readers.size > 0 &&',
    specs: ['spec/angular/live-list.spec.ts'],
  },
  {
    name: 'a page dials while it is offline',
    file: 'src/socket/browser-network.ts',
    find: 'globalThis.navigator?.onLine === false',
    replace: 'globalThis.navigator?.onLine === null',
    specs: ['spec/socket/offline.spec.ts'],
  },
  {
    name: 'a hidden page ends the wait for a dial',
    file: 'src/socket/browser-network.ts',
    find: "document.visibilityState === 'visible'",
    replace: 'true',
    specs: ['spec/socket/offline.spec.ts'],
  },
  {
    name: 'a page takes a value of the wrong type for one that is only out of bounds',
    file: 'src/options/schema/browser.ts',
    find: 'return issues.every(goesOn)',
    replace: 'return true',
    specs: ['spec/options/in-a-page.spec.ts'],
  },
  {
    name: 'a page reports the issues of a choice that does not fit',
    file: 'src/options/schema/browser.ts',
    find: 'near.length === 1 ? only : undefined',
    replace: 'results[0]',
    specs: ['spec/options/in-a-page.spec.ts'],
  },
  {
    name: 'the missing decoder of a bundle is looked for again and again',
    file: 'src/zstd/node-file.ts',
    find: '{ retryable: false }',
    replace: '{}',
    specs: ['spec/zstd/node-bundle.spec.ts'],
  },
  {
    name: 'a position of a page that was stored late is forgotten',
    file: 'src/cursors/browser.ts',
    find: 'const kept = unstored.get(key)',
    replace: 'const kept = undefined as string | undefined',
    specs: ['spec/cursors/browser.spec.ts'],
  },
  {
    name: 'a tab that closes keeps its turn',
    file: 'src/cursors/one-tab.ts',
    find: 'return () => queue.abort()',
    replace: 'return () => {}',
    specs: ['spec/cursors/browser.spec.ts'],
  },
]
