import type { Mutant } from '../mutant.js'

/** Agents, proxies and certificates. */
export const PROXIES: readonly Mutant[] = [
  {
    name: 'a socket goes around its agent',
    file: 'src/socket/node-connect.ts',
    find: 'if (agent !== undefined)',
    replace: 'if (agent !== undefined && false)',
    specs: ['spec/socket/agent.spec.ts'],
  },
  {
    name: 'a listing goes around its agent',
    file: 'src/sources/repos/config.ts',
    find: 'agent: config.agent',
    replace: 'agent: undefined',
    specs: ['spec/sources/through-a-proxy.spec.ts'],
  },
  {
    name: 'a dictionary goes around the agent',
    file: 'src/sources/jetstream/jetstream.ts',
    find: 'config.zstdDictionary, config.agent',
    replace: 'config.zstdDictionary',
    specs: ['spec/sources/through-a-proxy.spec.ts'],
  },
  {
    name: 'a tunnel that is not open yet outlives its dial',
    file: 'src/socket/node-connect.ts',
    find: 'abandon: () => given.abort()',
    replace: 'abandon: () => undefined',
    specs: ['spec/socket/agent.spec.ts'],
  },
  {
    name: 'the password for a proxy is sent to the server',
    file: 'src/http/node-route.ts',
    find: 'direct(withoutCredentials(proxy.url)',
    replace: 'direct(proxy.url',
    specs: ['spec/http/node.spec.ts'],
  },
  {
    name: 'what a proxy answers passes for the answer of the server',
    file: 'src/http/node-proxies.ts',
    find: 'refused = statusCode !== 200',
    replace: 'refused = false',
    specs: ['spec/http/node.spec.ts', 'spec/socket/agent.spec.ts'],
  },
  {
    name: 'NO_PROXY takes a longer name for one that it lists',
    file: 'src/http/node-proxies.ts',
    find: '(suffix !== bare && host.endsWith(',
    replace: '(host.endsWith(suffix) || host.endsWith(',
    specs: ['spec/http/proxies.spec.ts'],
  },
  {
    name: 'an aborted answer passes for one that has ended',
    file: 'src/http/node.ts',
    find: '          signal.throwIfAborted()',
    replace: '',
    specs: ['spec/http/request.spec.ts'],
  },
  {
    name: 'a request follows where it must not: a redirect is an answer',
    file: 'src/http/node.ts',
    find: "if (redirect === 'error' && REDIRECTS.includes(status))",
    replace: 'if (status === 0)',
    specs: ['spec/http/request.spec.ts'],
  },
  {
    name: 'a proxy that has worked ends the stream at its first refusal',
    file: 'src/live/hosts.ts',
    find: 'error.status !== 401) || isOfProxy(error)',
    replace: 'error.status !== 401)',
    specs: ['spec/sources/through-a-proxy.spec.ts'],
  },
]
