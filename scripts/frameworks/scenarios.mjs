// What the pages of examples/react and examples/angular do, against a fake Jetstream: both have a
// select, a button, an output with the state, and the list.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

const POST = 'app.bsky.feed.post'
const LIKE = 'app.bsky.feed.like'
const LIMIT = 50
const RATE = 5000
const EVERY_MS = 5

/** Runs all scenarios in a page that has just been opened. `shot` keeps a screenshot. */
export async function runScenarios(page, server, { seconds, shot }) {
  const writer = new Writer(server)
  await within('a connection', server.connected(1))
  writer.posts(60)
  await showsNewest(page, writer)
  await shot('list')
  await filters(page, server, writer)
  await pauses(page, server, writer)
  await shot('paused-and-resumed')
  await goesOffline(page, server, writer)
  await isHidden(page, server, writer)
  await keepsPace(page, writer, seconds)
  await shot('after-the-rush')
  assert.deepEqual(page.errors, [])
}

/** Emits posts with growing numbers for their text. */
class Writer {
  last = 0
  #time_us = Date.now() * 1000

  constructor(server) {
    this.server = server
  }

  posts(count) {
    this.server.emit(...Array.from({ length: count }, () => this.#event(POST, String(++this.last))))
  }

  like(uri) {
    const subject = { uri, cid: 'bafyreib' }
    this.server.emit({ ...this.#event(LIKE, ''), ...this.#commit(LIKE, { subject }) })
  }

  #event(collection, text) {
    this.#time_us = Math.max(this.#time_us + 1, Date.now() * 1000)
    const envelope = { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', time_us: this.#time_us }
    return { ...envelope, kind: 'commit', ...this.#commit(collection, { text }) }
  }

  #commit(collection, record) {
    const rkey = `r${this.last}`
    const cid = 'bafyreigh2akiscaildc6nq3jyiegfhyfz3ll7xxqamvgg2zrksygrmfhdy'
    const written = { operation: 'create', record: { $type: collection, ...record }, cid }
    return { commit: { rev: '3l3qo2vutsw2b', collection, rkey, ...written } }
  }
}

const showsNewest = (page, { last }) =>
  page.until(
    `the list to begin with ${last}`,
    (text, limit) => {
      const items = document.querySelectorAll('ol li')
      return items[0]?.textContent.trim() === text && items.length === limit
    },
    String(last),
    LIMIT,
  )

const press = (page) => page.call(() => document.querySelector('button').click())

const choose = (page, collection) =>
  page.call((collection) => {
    const select = document.querySelector('select')
    select.value = collection
    select.dispatchEvent(new Event('change', { bubbles: true }))
  }, collection)

const first = (page) => page.call(() => document.querySelector('ol li')?.textContent.trim())

const isClosed = (server) =>
  within(
    'the connection to be closed',
    server.when(() => server.connections.every(({ closed }) => closed !== undefined)),
  )

const within = (what, promise) =>
  Promise.race([
    promise,
    pause(60_000, undefined, { ref: false }).then(() => {
      throw new Error(`waited for ${what} for a minute`)
    }),
  ])

async function filters(page, server, writer) {
  await choose(page, LIKE)
  await within('a second connection', server.connected(2))
  writer.like('at://did:plc:b/app.bsky.feed.post/1')
  await page.until('a like', () =>
    document.querySelector('ol li')?.textContent.includes('likes at://did:plc:b'),
  )
  await choose(page, POST)
  // What is older than a minute does not come again, on a machine that is busy.
  writer.posts(LIMIT)
  await showsNewest(page, writer)
  const asked = server.attempts.map(({ params }) => params.get('wantedCollections'))
  assert.deepEqual(asked, [POST, LIKE, POST])
}

async function pauses(page, server, writer) {
  const before = await first(page)
  await press(page)
  await isClosed(server)
  writer.posts(10)
  assert.equal(await first(page), before)
  await press(page)
  await showsNewest(page, writer)
}

async function goesOffline(page, server, writer) {
  const { length } = server.attempts
  await page.setOffline(true)
  await isClosed(server)
  writer.posts(10)
  assert.equal(server.attempts.length, length)
  await page.setOffline(false)
  await showsNewest(page, writer)
}

async function isHidden(page, server, writer) {
  const show = await page.hide()
  await isClosed(server)
  writer.posts(10)
  await show()
  await showsNewest(page, writer)
}

async function keepsPace(page, writer, seconds) {
  await page.call(watchList)
  const end = Date.now() + seconds * 1000
  let due = Date.now()
  while (Date.now() < end) {
    // The whole of what is due, however late the timer is.
    while (due <= Date.now()) {
      writer.posts((RATE * EVERY_MS) / 1000)
      due += EVERY_MS
    }
    await pause(EVERY_MS)
  }
  await showsNewest(page, writer)
  const seen = await page.call(() => globalThis.stopWatching())
  console.log(
    `${RATE} events a second for ${seconds} s: ${seen.frames} frames ` +
      `(${(seen.frames / seconds).toFixed(1)} a second), ${seen.lists} lists, ` +
      `heap ${seen.heapBefore} to ${seen.heapAfter} MB`,
  )
  assert.equal(seen.disorder, 0)
  assert.ok(seen.lists > seconds && seen.lists <= seen.frames)
  assert.equal(seen.longest, LIMIT)
}

/** Looks at the list in each frame: its order, its length, and whether it changed. */
function watchList() {
  const heap = () => Math.round(performance.memory.usedJSHeapSize / 1e6)
  const seen = { frames: 0, lists: 0, disorder: 0, longest: 0, heapBefore: heap() }
  let newest = 0
  let frame
  const look = () => {
    frame = requestAnimationFrame(look)
    seen.frames += 1
    const numbers = [...document.querySelectorAll('ol li')].map((item) => Number(item.textContent))
    seen.longest = Math.max(seen.longest, numbers.length)
    const isOrdered = numbers.every((n, index) => index === 0 || n < numbers[index - 1])
    if (!isOrdered || numbers[0] < newest) seen.disorder += 1
    if (numbers[0] !== newest) seen.lists += 1
    newest = numbers[0]
  }
  frame = requestAnimationFrame(look)
  globalThis.stopWatching = () => {
    cancelAnimationFrame(frame)
    return { ...seen, heapAfter: heap() }
  }
}
