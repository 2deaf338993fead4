import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type BuildOptions, build } from 'esbuild'

const ROOT = resolve(__dirname, '../..')
export const INDEX = join(ROOT, 'src/index.ts')

const PARTS = { node: 'at-hand', browser: 'when-needed' }

/** Where the package's own names lead while it is not built. */
export const alias = (platform: 'node' | 'browser') => ({
  '#http': join(ROOT, `src/http/${platform}.ts`),
  '#socket': join(ROOT, `src/socket/${platform}.ts`),
  '#sha256': join(ROOT, `src/atproto/sha256-${platform}.ts`),
  '#zstd': join(ROOT, `src/zstd/${platform}.ts`),
  '#schema': join(ROOT, `src/options/schema/${platform}.ts`),
  '#lazy': join(ROOT, `src/sources/jetstream/lazy/${platform === 'node' ? 'wires' : 'browser'}.ts`),
  '#parts': join(ROOT, `src/live/parts/${PARTS[platform]}.ts`),
  '#jetstream': join(ROOT, `src/sources/jetstream/parts/${PARTS[platform]}.ts`),
  'rxjs-atproto': INDEX,
  'rxjs-atproto/testing': join(ROOT, 'src/testing/index.ts'),
  'rxjs-atproto/cursors/file': join(ROOT, 'src/cursors/file.ts'),
  'rxjs-atproto/cursors/browser': join(ROOT, 'src/cursors/browser.ts'),
  'rxjs-atproto/browser': join(ROOT, 'src/browser/index.ts'),
})

/** Bundles a program that is written as a text; the paths of its imports are those of users. */
export async function bundle(
  program: string,
  platform: 'node' | 'browser',
  options: BuildOptions = {},
) {
  const result = await build({
    stdin: { contents: program, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
    alias: alias(platform),
    ...options,
  })
  return {
    inputs: Object.keys(result.metafile?.inputs ?? {}),
    text: result.outputFiles?.[0]?.text ?? '',
  }
}

/** A folder that goes with the spec. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'rxjs-atproto-'))
  return {
    path,
    [Symbol.dispose]: () =>
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  }
}

/** Bundles a Node program to a file of this folder. */
export async function program(folder: string, name: string, contents: string): Promise<string> {
  const outfile = join(folder, `${name}.cjs`)
  await bundle(contents, 'node', { platform: 'node', format: 'cjs', write: true, outfile })
  return outfile
}
