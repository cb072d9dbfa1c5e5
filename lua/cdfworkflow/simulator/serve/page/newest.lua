-- SPDX-License-Identifier: Apache-2.0
-- Pages of a list that only grows, newest first. However long it is, one page looks at a limited number of entries: a
-- filter that fits nothing must not read them all each time that the page refreshes itself.

local newest = {}

--- How many entries one page looks at.
newest.MOST_LOOKS = 5000

---@param ids string[] in the order of creation
---@param stored table<string, table>
---@param wanted fun(entry: table): boolean
---@param given { most: integer, before: integer?, after: integer?, till: integer? } how many are wanted; only those
---  before this place in the order, after this one, and not beyond this one
---@return table[] found
---@return integer|nil more for `before` of the next page; nil when there is none
---@return boolean cut whether the looking was given up while the page was not full
function newest.find(ids, stored, wanted, given)
  local last = given.after or 0
  local first = math.min(given.till or #ids, (given.before or #ids + 1) - 1)
  local found, stop = {}, math.max(last + 1, first - newest.MOST_LOOKS + 1)
  for position = first, stop, -1 do
    local entry = stored[ids[position]]
    if wanted(entry) then
      if #found == given.most then return found, position + 1, false end
      found[#found + 1] = entry
    end
  end
  local cut = stop > last + 1
  return found, cut and stop or nil, cut
end

--- The `before` of a query.
---@param query table<string, string>
---@return integer|nil
function newest.before(query)
  return tonumber((query.before or ""):match("^%d+$"))
end

return newest
