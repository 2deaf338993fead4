import { isRedirect, type SendRequest, unexpectedRedirect } from './request.js'

/**
 * The platform's own `fetch`, which has no agent. A redirect is refused here: workerd knows no
 * `redirect: 'error'`.
 */
export const sendRequest: SendRequest = async (url, { agent, redirect, ...request }) => {
  const answer = await fetch(url, { ...request, redirect: 'manual' })
  if (redirect === 'manual' || !isRedirect(answer)) return answer
  await answer.body?.cancel()
  throw unexpectedRedirect()
}
