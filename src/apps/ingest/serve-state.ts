import type { Messages } from '../../cli/messages.js'
import { errorsToo } from '../../cli/progress.js'
import { ConfigError } from '../../index.js'
import { type PageServer, servePages } from './http.js'
import type { IngestState } from './ingest-state.js'
import { PROMETHEUS_TYPE, prometheusText } from './prometheus.js'
import type { Settings } from './settings.js'

const DEFAULT_PORT = 9090

/**
 * Serves `/metrics` and `/healthz`. A port that was asked for must be had; the default one need
 * not.
 */
export async function serveState(
  board: IngestState,
  { metricsPort, metricsAddress }: Pick<Settings, 'metricsPort' | 'metricsAddress'>,
  messages: Messages,
): Promise<PageServer | undefined> {
  if (metricsPort === 'off') return undefined
  try {
    const server = await servePages(pagesOf(board), metricsPort ?? DEFAULT_PORT, metricsAddress)
    messages.info(`/metrics and /healthz are on port ${server.port}`)
    return server
  } catch (error) {
    const { message } = error as Error
    if (metricsPort !== undefined)
      throw new ConfigError('ingest', [
        { option: 'metrics-port', message: `cannot be had: ${message}` },
      ])
    messages.warn(`/metrics and /healthz are not served: ${message} (--metrics-port)`)
    return undefined
  }
}

const pagesOf = (board: IngestState) => ({
  '/metrics': () => ({ status: 200, type: PROMETHEUS_TYPE, body: prometheusText(board.families) }),
  '/healthz': () => {
    const reasons = board.ailments
    const healthy = reasons.length === 0
    return {
      status: healthy ? 200 : 503,
      type: 'application/json',
      body: `${JSON.stringify({ healthy, reasons, ...board.state }, errorsToo)}\n`,
    }
  },
})
