import { parseArgs } from 'node:util'
import { type FakeJetstreamOptions, fakeJetstream } from 'rxjs-atproto/testing'

/**
 * Where an example reads from: `--host <url>`, or a Jetstream on this machine that plays generated
 * events.
 */
export async function jetstreamServer(
  options: FakeJetstreamOptions = {},
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { values } = parseArgs({ options: { host: { type: 'string' } } })
  if (values.host !== undefined) return { url: values.host, close: async () => {} }
  return fakeJetstream({
    events: 2000,
    generate: { startUs: (Date.now() - 60_000) * 1000 },
    ...options,
  })
}
