import { type Case, JETSTREAM_CASES, TAP_CASES } from '../../bench/survival/cases.js'
import { JETSTREAMS, TAPS } from '../../bench/survival/contenders.js'
import { textOf } from './source-files.js'

const page = textOf('docs/survival.md')
const cellsOf = (line: string): readonly string[] => line.slice(2, -2).split(' | ')

/** The table below a heading. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [lines = ''] = section.trim().split('\n\n')
  return lines.split('\n').map(cellsOf)
}

const WORD = /^(all|ended|(\d+|some) missing|reported|some twice|too early)$/

describe.each<[string, readonly Case[], object]>([
  ['A Jetstream', JETSTREAM_CASES, JETSTREAMS],
  ['A Tap', TAP_CASES, TAPS],
])('the table of survival: %s', (heading, cases, contenders) => {
  const [head = [], , ...rows] = tableOf(heading)

  it('has the faults and the contenders of the bench, and no other', () => {
    expect(head.slice(1)).toEqual(Object.keys(contenders))
    expect(rows.map(([name]) => name)).toEqual(cases.map(({ name }) => name))
    expect(cases.filter(({ isQuick }) => isQuick).length).toBeGreaterThan(2)
  })

  it('says what the bench can say', () => {
    const cells = rows.flatMap(([, ...others]) => others)
    const words = cells.flatMap((cell) => cell.split(', '))
    expect(cells.length).toBe(cases.length * Object.keys(contenders).length)
    expect(words.filter((word) => !WORD.test(word))).toEqual([])
  })

  it('promises nothing that ours loses without a report', () => {
    const ours = rows.map(([, cell]) => cell)
    expect(ours.filter((cell) => /missing(?!, reported)|ended|early/.test(cell ?? ''))).toEqual([])
  })
})

it('names the versions of the others that are installed', () => {
  const { devDependencies } = JSON.parse(textOf('package.json'))
  for (const name of Object.keys({ ...JETSTREAMS, ...TAPS }).filter((one) => one.includes('/')))
    expect(page.replaceAll(/\s+/g, ' ')).toContain(`\`${name}\` ${devDependencies[name]}`)
})
