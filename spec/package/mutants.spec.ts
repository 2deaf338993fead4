import { MUTANTS } from '../../scripts/mutants/list/index.js'
import { mutated } from '../../scripts/mutants/mutant.js'
import { filesIn, textOf } from './source-files.js'

const specs = filesIn('spec', /\.spec\.ts$/)

// `npm run mutants` runs them, which takes minutes.
describe('the mutants', () => {
  it('have names of their own', () => {
    const names = MUTANTS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each(MUTANTS)('$name: changes one place of $file, and names specs that exist', (mutant) => {
    const text = textOf(mutant.file)
    expect(mutated(mutant, text)).not.toBe(text)
    expect(mutant.specs.length).toBeGreaterThan(0)
    expect(mutant.specs.filter((file) => !specs.includes(file))).toEqual([])
  })
})
