/** What a program imports of one copy of the library. */
export type Library = typeof import('../../src/index.js') &
  typeof import('../../src/redis.js') &
  typeof import('../../src/cursors/file.js')

export interface CopyOptions {
  /** `'own'`: each copy has an rxjs of its own, as it is where the peer differs. @default 'own' */
  readonly rxjs?: 'own' | 'shared'
  /** What its `version.ts` says. */
  readonly version?: { readonly VERSION: string; readonly DELIVERY_CONTRACT: number }
}

/**
 * Another copy of the library, with module state of its own, as package managers,
 * `jest.resetModules` and dev servers make it.
 */
export async function copyOfLibrary({ rxjs = 'own', version }: CopyOptions = {}): Promise<Library> {
  const ours = jest.requireActual('rxjs')
  if (rxjs === 'shared') jest.doMock('rxjs', () => ours)
  if (version !== undefined) jest.doMock('../../src/version.js', () => version)
  try {
    let copy: Library | undefined
    await jest.isolateModulesAsync(async () => {
      copy = {
        ...(await import('../../src/index.js')),
        ...(await import('../../src/redis.js')),
        ...(await import('../../src/cursors/file.js')),
      }
    })
    return copy as Library
  } finally {
    jest.dontMock('rxjs')
    jest.dontMock('../../src/version.js')
  }
}
