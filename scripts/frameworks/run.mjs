// Builds an example from the tarball with its own command line, and opens it in Chromium:
//   node scripts/frameworks/run.mjs react              what CI runs
//   node scripts/frameworks/run.mjs react --seconds 60 the bench: frames a second, heap
// `--keep` leaves the folder. Screenshots are in `.tmp/frameworks`.
import assert from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { fakeJetstream } from '../../dist/testing/index.js'
import { openPage } from './chromium.mjs'
import { install, PROJECTS, run, TARBALL } from './projects.mjs'
import { runScenarios } from './scenarios.mjs'

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..')
const SHOTS = join(ROOT, '.tmp/frameworks')
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '5' }, keep: { type: 'boolean', default: false } },
})
const [name = ''] = positionals
const project = PROJECTS[name]
if (project === undefined) throw new Error(`the examples are: ${Object.keys(PROJECTS).join(', ')}`)

const folder = mkdtempSync(join(tmpdir(), `example-${name}-`))
try {
  copy()
  installAll()
  weigh()
  project.build(folder)
  await inBrowser()
  project.previous(folder)
  console.log(`with the previous major: ${project.previousIs}`)
  await inBrowser()
} finally {
  if (values.keep) console.log(folder)
  else rmSync(folder, { recursive: true, force: true })
}
// Servers of pages and sockets hold nothing that has to be closed.
process.exit()

/** Without what a developer has installed or built there. */
function copy() {
  const from = join(ROOT, 'examples', name)
  const isMade = (path) => /^(node_modules|dist|\.angular)$/.test(path.slice(from.length + 1))
  cpSync(from, folder, { recursive: true, filter: (path) => !isMade(path) })
}

function installAll() {
  install(folder)
  run(ROOT, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder)
  const made = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  renameSync(join(folder, made), join(folder, TARBALL))
  install(folder, TARBALL, ...project.packages)
}

/** What the page loads more than an empty one that has all of rxjs. */
function weigh() {
  const entry = join(folder, project.entry)
  const written = readFileSync(entry, 'utf8')
  const rxjs = `import * as rxjs from 'rxjs'\nObject.assign(globalThis, { rxjs })\n`
  const bytesOf = (text) => {
    writeFileSync(entry, rxjs + text)
    project.build(folder)
    return gzipOf(join(folder, project.site))
  }
  const [empty, full] = [bytesOf(project.empty), bytesOf(written)]
  writeFileSync(entry, written)
  console.log(
    `${name}: ${empty} bytes of gzip with rxjs alone, ${full - empty} more with a live list`,
  )
  assert.ok(full - empty < project.mostBytes, `more than ${project.mostBytes}`)
}

/** The scripts that the page loads at once. */
function gzipOf(site) {
  const page = readFileSync(join(site, 'index.html'), 'utf8')
  const scripts = [...page.matchAll(/(?:src|href)="\/?([^"]+\.js)"/g)].map(([, path]) => path)
  assert.ok(scripts.length > 0)
  const texts = scripts.map((path) => readFileSync(join(site, path)))
  return texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0)
}

async function inBrowser() {
  mkdirSync(SHOTS, { recursive: true })
  const server = await fakeJetstream({ stored: 'all', events: 0 })
  const html = await project.render(folder)
  assert.match(html, /idle/)
  assert.equal(server.attempts.length, 0)
  const site = await serve(join(folder, project.site))
  // Not a loopback host, which is dialled also without a network.
  const host = server.url.replace('127.0.0.1', 'jetstream.test')
  const page = await openPage(`${site}?host=${encodeURIComponent(host)}`)
  const shot = (what) => page.screenshot(join(SHOTS, `${name}-${what}.png`))
  try {
    await runScenarios(page, server, { seconds: Number(values.seconds), shot })
  } catch (error) {
    await shot('failed')
    throw new Error(`${page.errors.join('\n')}\n${server.attempts.length} dials`, { cause: error })
  } finally {
    await page.close()
    await server.close()
  }
}

async function serve(site) {
  const listener = createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://127.0.0.1')
    const file = join(site, pathname === '/' ? 'index.html' : pathname)
    try {
      const body = readFileSync(file)
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      })
      response.end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((done) => listener.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${listener.address().port}/`
}
