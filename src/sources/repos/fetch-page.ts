import { defer, finalize, from, type Observable, throwError, timeout } from 'rxjs'
import { sendRequest } from '#http'
import {
  ConnectError,
  PageError,
  RefusedError,
  RequestTimeoutError,
  StreamError,
} from '../../errors.js'
import type { HttpAnswer, HttpRequest } from '../../http/request.js'
import { reasonOf } from '../../internal/message-of.js'
import { readBody } from '../../internal/read-body.js'
import type { HttpAgent } from '../../options/agent.js'
import { readRefusal } from '../../socket/refusal.js'

/** How pages are requested. */
export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly maxPageBytes: number
  readonly agent: HttpAgent | undefined
}

/** The body of a response. */
export interface Body {
  readonly text: string
  readonly bytes: number
}

/** Requests one page. Emits its body, errors with a `StreamError`, and aborts on unsubscription. */
export const fetchPage = (
  url: string,
  { headers, timeoutMs, maxPageBytes, agent }: RequestOptions,
): Observable<Body> =>
  defer(() => {
    const controller = new AbortController()
    const init: HttpRequest = {
      headers: { accept: 'application/json', ...headers },
      redirect: 'manual',
      signal: controller.signal,
      agent,
    }
    return from(request(url, init, maxPageBytes)).pipe(finalize(() => controller.abort()))
  }).pipe(
    timeout({
      first: timeoutMs,
      with: () =>
        throwError(
          () =>
            new RequestTimeoutError(
              `${url} was not answered within \`timeoutMs\` (${timeoutMs} ms)`,
            ),
        ),
    }),
  )

async function request(url: string, init: HttpRequest, maxPageBytes: number): Promise<Body> {
  try {
    const response = await sendRequest(url, init)
    if (response.ok) return await bodyOf(response, maxPageBytes)
    throw await refusal(url, response)
  } catch (error) {
    if (error instanceof StreamError) throw error
    throw new ConnectError(`${url} could not be read: ${reasonOf(error)}`, { cause: error })
  }
}

async function bodyOf(response: HttpAnswer, maxPageBytes: number): Promise<Body> {
  const { bytes, rest } = await readBody(response, maxPageBytes)
  if (rest) throw new PageError(`the page is larger than \`maxPageBytes\` (${maxPageBytes})`)
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), bytes: bytes.length }
  } catch (cause) {
    throw new PageError('the page is not UTF-8', { cause })
  }
}

async function refusal(url: string, response: HttpAnswer): Promise<RefusedError> {
  const { status, headers, type } = response
  // A browser hides the target of a redirect.
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel()
    const target = headers.get('location') ?? 'another host'
    return new RefusedError(
      `the server redirects to ${target}; redirects are not followed: name that host`,
      { status, body: '' },
    )
  }
  return readRefusal(response, url)
}
