import { familiesText } from '../../src/internal/prometheus.js'

describe('the text for Prometheus', () => {
  it('has each family once, with its help and type, whatever is in a label', () => {
    const text = familiesText<{ readonly gaps: number; readonly cursor?: number }>(
      [
        ['counter', 'gaps_total', 'One line,\nand a \\.', ({ gaps }) => gaps],
        ['gauge', 'cursor', 'Nothing yet.', ({ cursor }) => cursor],
      ],
      [
        { source: { gaps: 2 }, labels: { host: 'a"b\\c\nd', stream: 's' } },
        { source: { gaps: 0.25 }, labels: {} },
      ],
    )
    expect(text).toBe(
      [
        '# HELP rxjs_atproto_gaps_total One line,\\nand a \\\\.',
        '# TYPE rxjs_atproto_gaps_total counter',
        'rxjs_atproto_gaps_total{host="a\\"b\\\\c\\nd",stream="s"} 2',
        'rxjs_atproto_gaps_total 0.25',
        '# HELP rxjs_atproto_cursor Nothing yet.',
        '# TYPE rxjs_atproto_cursor gauge',
        '',
      ].join('\n'),
    )
  })
})
