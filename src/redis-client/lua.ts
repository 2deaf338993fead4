/** Pieces that scripts share. */
export const LUA = {
  /** A reply of names and values, as a table. */
  map: `
local function map(list)
  local pairs = {}
  for i = 1, #list, 2 do pairs[list[i]] = list[i + 1] end
  return pairs
end`,

  /**
   * Whether entry id `a` is below `b`. Compared as text, by length first: as numbers they would
   * lose their last digits.
   */
  before: `
local function before(a, b)
  local a1, a2 = string.match(a, '(%d+)-(%d+)')
  local b1, b2 = string.match(b, '(%d+)-(%d+)')
  if a1 == b1 then a1, b1 = a2, b2 end
  return #a1 < #b1 or (#a1 == #b1 and a1 < b1)
end`,
} as const
