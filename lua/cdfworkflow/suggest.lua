-- SPDX-License-Identifier: Apache-2.0
-- Finds the word that was probably meant by a misspelt one.

local suggest = {}

--- Letters only, all lower case: `depends_on`, `DependsOn` and `dependsOn` come out the same.
local function bare(word)
  return (word:lower():gsub("[^%w]", ""))
end

--- The number of letters to add, drop, replace or swap with a neighbour to get from `a` to `b`.
local function distance(a, b)
  local before, previous, current = nil, {}, {}
  for j = 0, #b do previous[j] = j end
  for i = 1, #a do
    current[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      local swapped = before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      current[j] = swapped and math.min(best, before[j - 2] + 1) or best
    end
    before, previous, current = previous, current, {}
  end
  return previous[#b]
end

--- How far `word` is from `candidate`, or nil when nobody would mistake one for the other.
local function likeness(word, candidate)
  local a, b = bare(word), bare(candidate)
  if a == b then return a ~= "" and 0 or nil end
  if math.abs(#a - #b) <= 3 then
    local d = distance(a, b)
    if d <= math.max(1, math.floor(math.min(#a, #b) / 3)) then return d end
  end
  local short, long = a, b
  if #a > #b then short, long = b, a end
  if #short >= 3 and long:sub(1, #short) == short then return #long end
  return nil
end

--- The candidate that `word` was probably meant to be, or nil when none is near.
---@param word any only a string of up to 255 bytes can have a nearest candidate
---@param candidates string[]
---@return string|nil
function suggest.nearest(word, candidates)
  if type(word) ~= "string" or #word > 255 then return nil end
  local found, least
  for _, candidate in ipairs(candidates) do
    local d = #candidate <= 255 and likeness(word, candidate)
    if d and (not least or d < least) then found, least = candidate, d end
  end
  return found
end

--- `; did you mean "x"?` for the candidate nearest to `word`, or an empty string.
---@param word any
---@param candidates string[]
---@return string
function suggest.hint(word, candidates)
  local nearest = suggest.nearest(word, candidates)
  return nearest and ('; did you mean "%s"?'):format(nearest) or ""
end

--- The keys of `t` that are not in `allowed`, in a fixed order.
---@param t table
---@param allowed string[]
---@return any[]
function suggest.unknown(t, allowed)
  local known, found = {}, {}
  for _, name in ipairs(allowed) do known[name] = true end
  for key in pairs(t) do
    if not known[key] then found[#found + 1] = key end
  end
  table.sort(found, function(a, b) return tostring(a) < tostring(b) end)
  return found
end

return suggest
