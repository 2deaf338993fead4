import { ConfigError, type LabelsConfig, labels$, streamMetrics } from '../../../src/index.js'
import { checkLabelsConfig } from '../../../src/sources/labels/config.js'

const issuesOf = (config: unknown): readonly string[] => {
  try {
    labels$(config as LabelsConfig)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.issues.map(({ option, message }) => `${option} ${message}`)
  }
}

describe('the config of labels$', () => {
  it('needs a labeler, and no more', () => {
    expect(issuesOf({ host: 'mod.bsky.app' })).toEqual([])
    expect(checkLabelsConfig({ host: 'mod.bsky.app' })).toEqual([
      'wss://mod.bsky.app/xrpc/com.atproto.label.subscribeLabels',
    ])
    for (const config of [undefined, {}, { host: [] }])
      expect(issuesOf(config)).toEqual([expect.stringMatching(/^host must name a labeler/)])
  })

  it('names every mistake at once', () => {
    expect(
      issuesOf({
        host: 'a.example',
        cursor: 1.5,
        onCursorRefused: 'never',
        checkpoint: 'here',
        collections: [],
      }),
    ).toEqual([
      expect.stringMatching(/^checkpoint must be a cursor store/),
      "cursor must be 'live', 'oldest' or a sequence number, not 1.5",
      expect.stringMatching(/^onCursorRefused must be 'fail'/),
      'collections is not an option',
    ])
    for (const cursor of [-1, '5', { ago: 5 }, new Date()])
      expect(issuesOf({ host: 'a.example', cursor })).toHaveLength(1)
  })

  it('refuses a host twice, and what several hosts cannot share', () => {
    expect(issuesOf({ host: ['a.example', 'https://a.example'] })).toEqual([
      'host names a host twice',
    ])
    expect(
      issuesOf({ host: ['a.example', 'b.example'], cursor: 5, metrics$: streamMetrics() }),
    ).toEqual([
      expect.stringMatching(/^metrics\$ must be a function of the host/),
      expect.stringMatching(
        /^cursor must be 'live' or 'oldest' where there are several hosts, not 5/,
      ),
    ])
    expect(issuesOf({ host: 'me:secret@a.example' }).join()).not.toContain('secret')
  })
})
