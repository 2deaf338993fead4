import type { SendRequest } from './request.js'

/** The platform's own `fetch`, which has no agent. */
export const sendRequest: SendRequest = (url, { agent, ...request }) => fetch(url, request)
