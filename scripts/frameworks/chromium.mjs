// A page in a Chromium of its own, moved through DevTools.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

const LIMIT_MS = 60_000

/** Opens `url`. `*.test` is this machine, and yet no loopback address. */
export async function openPage(url) {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--window-size=800,900',
    '--remote-debugging-port=0',
    '--enable-precise-memory-info',
    '--host-resolver-rules=MAP *.test 127.0.0.1',
    `--user-data-dir=${profile}`,
  ]
  // A group, to be killed at once: its other processes write to the profile when it has ended.
  const chromium = spawn('chromium', [...flags, 'about:blank'], { stdio: 'ignore', detached: true })
  const browser = await connect(profile)
  const { sessionId } = await attach(browser)
  const page = new Page(browser, sessionId)
  await page.send('Runtime.enable')
  await page.send('Page.enable')
  await page.send('Page.navigate', { url })
  return Object.assign(page, {
    async close() {
      const ended = once(chromium, 'exit')
      process.kill(-chromium.pid, 'SIGKILL')
      await ended
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  })
}

async function connect(profile) {
  const file = join(profile, 'DevToolsActivePort')
  await waitFor(
    'Chromium to start',
    () => existsSync(file) && readFileSync(file, 'utf8').includes('/'),
  )
  const [port, path] = readFileSync(file, 'utf8').split('\n')
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  await once(socket, 'open')
  return new DevTools(socket)
}

async function attach(browser) {
  const { targetInfos } = await browser.send('Target.getTargets')
  const { targetId } = targetInfos.find(({ type }) => type === 'page')
  return browser.send('Target.attachToTarget', { targetId, flatten: true })
}

class DevTools {
  #lastId = 0
  #waiting = new Map()
  onEvent = () => {}

  constructor(socket) {
    this.socket = socket
    socket.on('message', (text) => this.#take(JSON.parse(String(text))))
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId
    this.socket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #take({ id, result, error, method, params }) {
    if (id === undefined) return this.onEvent(method, params)
    const { resolve, reject } = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) resolve(result)
    else reject(new Error(error.message))
  }
}

class Page {
  /** What the page has thrown, or written as an error. */
  errors = []

  constructor(browser, sessionId) {
    this.browser = browser
    this.sessionId = sessionId
    browser.onEvent = (method, { exceptionDetails, type, args }) => {
      if (method === 'Runtime.exceptionThrown') this.errors.push(textOf(exceptionDetails))
      if (method === 'Runtime.consoleAPICalled' && type === 'error')
        this.errors.push(args.map(({ value, description }) => value ?? description).join(' '))
    }
  }

  send(method, params) {
    return this.browser.send(method, params, this.sessionId)
  }

  /** Calls `work` in the page with `values`, and returns what it returns. */
  async call(work, ...values) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `(${work})(...${JSON.stringify(values)})`,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(textOf(exceptionDetails))
    return result.value
  }

  until(what, work, ...values) {
    return waitFor(what, () => this.call(work, ...values))
  }

  async screenshot(file) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    writeFileSync(file, Buffer.from(data, 'base64'))
  }

  /** Another tab in front of this one, which is hidden then. */
  async hide() {
    const { targetId } = await this.browser.send('Target.createTarget', { url: 'about:blank' })
    await this.until('the page to be hidden', () => document.visibilityState === 'hidden')
    return () => this.browser.send('Target.closeTarget', { targetId })
  }

  setOffline(offline) {
    const speed = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
    return this.send('Network.emulateNetworkConditions', { offline, ...speed })
  }
}

const textOf = ({ text, exception }) => exception?.description ?? exception?.value ?? text

async function waitFor(what, holds) {
  const began = Date.now()
  while (!(await holds())) {
    if (Date.now() - began > LIMIT_MS) throw new Error(`waited for ${what} for a minute`)
    await pause(50)
  }
}
