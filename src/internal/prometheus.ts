/** The labels of a metric: their values are escaped. */
export type MetricLabels = Readonly<Record<string, string>>

/** One metric: its name after `rxjs_atproto_`, its help, and how it is read. */
export type Metric<Source> = readonly [
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (source: Source) => MetricValue,
]

/**
 * What a metric is read as. `undefined`: not known, so the sample is left out. An object: a sample
 * for each `kind`.
 */
export type MetricValue = number | undefined | Readonly<Record<string, number>>

/** Where a {@link Metric} is read, and its labels. */
export interface Labelled<Source> {
  readonly source: Source
  readonly labels: MetricLabels
}

/**
 * Returns Prometheus' text format 0.0.4: each family once, with its help and type, even while it
 * has no samples.
 */
export const familiesText = <Source>(
  metrics: readonly Metric<Source>[],
  sources: readonly Labelled<Source>[],
): string => metrics.map((metric) => familyText(metric, sources)).join('')

function familyText<Source>(
  [type, suffix, help, read]: Metric<Source>,
  sources: readonly Labelled<Source>[],
): string {
  const name = `rxjs_atproto_${suffix}`
  const lines = sources.flatMap(({ source, labels }) =>
    samplesOf(read(source), labels).map(
      ([value, labelled]) => `${name}${labelsText(labelled)} ${value}`,
    ),
  )
  return `${[`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...lines].join('\n')}\n`
}

/** The samples of a metric: a value, and its labels. */
export function samplesOf(
  value: MetricValue,
  labels: MetricLabels,
): readonly (readonly [value: number, labels: MetricLabels])[] {
  if (value === undefined) return []
  if (typeof value === 'number') return [[value, labels]]
  return Object.entries(value).map(([kind, count]) => [count, { ...labels, kind }])
}

function labelsText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

/** The names of labels that Prometheus does not read. */
export const badLabels = (labels: MetricLabels): readonly string[] =>
  Object.keys(labels).filter((name) => !/^(?!__)[a-zA-Z_]\w*$/.test(name))
