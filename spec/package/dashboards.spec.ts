import { prometheusText, streamMetrics } from '../../src/index.js'
import { textOf } from './source-files.js'

const { value } = streamMetrics()
const text = prometheusText([{ metrics: value, labels: { stream: 'posts' }, completed: false }])
const TYPES = new Map(
  [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]),
)
const usedIn = (file: string): readonly string[] => [
  ...new Set(textOf(file).match(/rxjs_atproto_\w+/g)),
]
const FILES = ['dashboards/grafana.json', 'dashboards/alerts.yml']

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}
const dashboard = JSON.parse(textOf('dashboards/grafana.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string }[] }
}
const alerts = [
  ...textOf('dashboards/alerts.yml').matchAll(/^ {6}- alert: (\w+)\n(.*?)(?=^ {6}- |^$)/gms),
].map(([, name = '', body = '']) => ({ name, body }))
const expressions = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...alerts.map(({ body }) => /expr: (>-\n)?(.*?)(?=^ {8}\w)/ms.exec(body)?.[2] ?? ''),
]

describe('the dashboard and the alerts', () => {
  it.each(FILES)('in %s use metrics that prometheusText writes', (file) => {
    const used = usedIn(file)
    expect(used.length).toBeGreaterThan(5)
    expect(used.filter((name) => !TYPES.has(name))).toEqual([])
  })

  it('take the rate of counters, and of nothing else', () => {
    const inRate = (expression: string) =>
      [...expression.matchAll(/(?:rate|increase)\((\w+)/g)].map(([, name]) => name)
    const wrong = expressions.flatMap((expression) =>
      (expression.match(/rxjs_atproto_\w+/g) ?? []).filter(
        (name) => (TYPES.get(name) === 'counter') !== inRate(expression).includes(name),
      ),
    )
    expect(expressions.length).toBeGreaterThan(20)
    expect(wrong).toEqual([])
  })

  it('are six rules and a dashboard whose variables exist', () => {
    expect(alerts.map(({ name }) => name)).toHaveLength(6)
    for (const { body } of alerts)
      for (const part of ['expr:', 'severity:', 'summary:', 'description:'])
        expect(body).toContain(part)
    const known = [...dashboard.templating.list.map(({ name }) => name), '__rate_interval']
    const variables = textOf('dashboards/grafana.json').match(/\$\{?\w+/g) ?? []
    const unknown = variables.map((name) => name.replace(/\$\{?/, ''))
    expect(unknown.filter((name) => !known.includes(name) && name !== '__all')).toEqual([])
  })
})
