import { expect, it } from 'vitest'
import { written } from './posts.js'

it('writes each post', async () => {
  const { lines, posts } = await written()
  expect(posts).toBeGreaterThan(5)
  expect(lines).toHaveLength(posts)
})
