const { TestEnvironment } = require('jest-environment-node')

// A spec that waits for what never comes.
const LONGEST_MS = 20_000

/**
 * After the first failure the rest of a file is skipped: with a mistake in the code each further
 * spec may wait for its timeout.
 */
module.exports = class extends TestEnvironment {
  #failed = false

  async handleTestEvent(event) {
    if (event.name === 'test_start')
      event.test.timeout = Math.min(event.test.timeout ?? LONGEST_MS, LONGEST_MS)
    if (event.name === 'test_fn_failure' || event.name === 'hook_failure') this.#failed = true
    if (event.name === 'test_start' && this.#failed) event.test.mode = 'skip'
  }
}
