import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { temporaryFolder } from '../socket/bundle.js'

const ZSTD = join(dirname(createRequire(__filename).resolve('@bokuweb/zstd-wasm')), 'zstd.wasm')

const PROGRAM = `
import { readZstd } from ${JSON.stringify(resolve(__dirname, '../../src/zstd/node-file.ts'))}
readZstd().then(
  ({ length }) => console.log(JSON.stringify({ length })),
  ({ code, retryable, message }) => console.log(JSON.stringify({ code, retryable, message })),
)`

describe.each(['cjs', 'esm'] as const)('a bundle for Node, as %s,', (format) => {
  const run = async (files: 'with zstd.wasm' | 'alone') => {
    using folder = temporaryFolder()
    const outfile = join(folder.path, format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs')
    await build({
      stdin: { contents: PROGRAM, resolveDir: __dirname, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format,
      outfile,
      logLevel: 'silent',
    })
    if (files !== 'alone') copyFileSync(ZSTD, join(folder.path, 'zstd.wasm'))
    return JSON.parse(execFileSync(process.execPath, [outfile], { encoding: 'utf8' }))
  }

  it('finds the decoder beside itself', async () => {
    expect(await run('with zstd.wasm')).toEqual({ length: expect.any(Number) })
  })

  it('says what to copy where there is none, and that another try would not help', async () => {
    expect(await run('alone')).toEqual({
      code: 'DICTIONARY',
      retryable: false,
      message:
        'there is no zstd decoder: copy zstd.wasm beside the bundle, from `rxjs-atproto/zstd.wasm`',
    })
  })
})
