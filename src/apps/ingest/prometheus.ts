/** One value, and the labels that distinguish it within its family. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  /** `undefined`: not known, so the sample is left out. */
  readonly value: number | undefined
}

/** All samples of one metric name. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly Sample[]
}

/**
 * Returns Prometheus' text format 0.0.4: each family once, with its help and type, even while it
 * has no samples.
 */
export const prometheusText = (families: readonly Family[]): string =>
  families.map(familyText).join('')

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.flatMap(({ labels = {}, value }) =>
    value === undefined ? [] : [`${name}${labelsText(labels)} ${value}`],
  )
  return `${[`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...lines].join('\n')}\n`
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
