import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { alias } from '../socket/bundle.js'
import { dictionaryOf, encoder, ONE, withoutContentSize } from './frames.js'

type Browser = typeof import('../../src/zstd/browser.js')

const { resolve: resolvePackage } = createRequire(__filename)
let folder: string
let server: Server
let origin: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rxjs-atproto-'))
  copyFileSync(
    join(dirname(resolvePackage('@bokuweb/zstd-wasm')), 'zstd.wasm'),
    join(folder, 'zstd.wasm'),
  )
  server = createServer((request, response) => {
    if (request.url === '/zstd.wasm') response.end(readFileSync(join(folder, 'zstd.wasm')))
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The browser's entry as a bundler makes it, as if it had come from `address`. */
async function bundle(address?: string): Promise<{ exports: Browser; code: string }> {
  const { outputFiles } = await build({
    entryPoints: [resolve(__dirname, '../../src/zstd/browser.ts')],
    bundle: true,
    platform: 'browser',
    alias: alias('browser'),
    format: 'cjs',
    write: false,
    ...(address !== undefined && { define: { 'import.meta.url': JSON.stringify(address) } }),
    logLevel: 'error',
  })
  const code = outputFiles[0]?.text ?? ''
  const module = { exports: {} as Browser }
  new Function('module', 'exports', code)(module, module.exports)
  return { exports: module.exports, code }
}

it('the bundle for browsers needs no Node, and finds the decoder beside itself', async () => {
  const { exports, code } = await bundle(`${origin}/app.js`)
  expect(code).not.toMatch(/node:|require\(/)
  const encode = await encoder(dictionaryOf(ONE))
  const decoder = await exports.bestDecoder(dictionaryOf(ONE))
  for (const text of ['{"a":1}', 'héllo 日本 🦋', '\ufeff', '']) {
    expect(decoder.decode(encode(text), 1000)).toBe(text)
    expect(decoder.decode(withoutContentSize(encode(text)), 1000)).toBe(text)
  }
  expect(await exports.bestDecoder(dictionaryOf(ONE))).toBe(decoder)
})

it('the bundle for browsers says what is missing where the decoder is not beside it', async () => {
  const { exports } = await bundle(`${origin}/elsewhere/app.js`)
  await expect(exports.bestDecoder(dictionaryOf(ONE))).rejects.toMatchObject({
    code: 'DICTIONARY',
    message: expect.stringContaining('/elsewhere/zstd.wasm: 404; copy zstd.wasm beside the bundle'),
  })
})

it('a bundle that is a classic script finds the decoder beside its page', async () => {
  const { exports } = await bundle()
  Object.assign(globalThis, { location: { href: `${origin}/page.html` } })
  try {
    expect((await exports.bestDecoder(dictionaryOf(ONE))).name).toBe('wasm')
  } finally {
    Reflect.deleteProperty(globalThis, 'location')
  }
})

it('a decoder that is absent is no fault that passes; a server that fails is one', async () => {
  const { exports } = await bundle(`${origin}/elsewhere/app.js`)
  await expect(exports.bestDecoder(dictionaryOf(ONE))).rejects.toMatchObject({ retryable: false })
  const { exports: cutOff } = await bundle('http://127.0.0.1:9/app.js')
  await expect(cutOff.bestDecoder(dictionaryOf(ONE))).rejects.toMatchObject({ retryable: true })
})
