import { positionText } from '../../src/internal/position-text.js'

it.each([
  [24_123_456_789, '24123456789'],
  [1_796_071_066_682_000, '2026-11-30T20:37:46.682Z'],
  [1e20, '100000000000000000000'],
])('the position %i is shown to a person as %s', (position, text) => {
  expect(positionText(position)).toBe(text)
})
