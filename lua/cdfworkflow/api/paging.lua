-- SPDX-License-Identifier: Apache-2.0
-- Pages of a list (CDF.md section 13): all up to a limit at once, or one page at a time behind an iterator.
-- Knows no endpoint: whoever lists gives a function that fetches one page.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"

local paging = {}

--- What CDF gives at most in one page.
paging.PAGE = 1000

---@alias cdfworkflow.Fetch fun(limit: integer, cursor: string|nil): table|nil, table?

--- The number of items wanted: `limit` where given, otherwise `default`. Raises at the caller's caller for a wrong
--- type; `math.huge` means all.
---@param limit any
---@param default number
---@return number|nil limit, table? err
function paging.limit(limit, default)
  if limit == nil then return default end
  if type(limit) ~= "number" then error("limit: expected a number, got a " .. type(limit), 3) end
  if limit == math.huge then return limit end
  local whole = limit >= 1 and limit % 1 == 0
  if not whole then
    return check.invalid("limit", "limit must be a whole number above zero, got " .. tostring(limit), 1)
  end
  return math.floor(limit)
end

--- A function that gives the items of the next page each time, and nil after the last.
local function pages(fetch, limit, size)
  local cursor, left = nil, limit
  return function()
    if left <= 0 then return nil end
    local page, err = fetch(math.min(size, left), cursor)
    local items
    items, err = check.items("items", page, err)
    if not items then return nil, err end
    local following = page.nextCursor
    if following == core.null or following == "" then following = nil end
    if following and type(following) ~= "string" then return check.protocol("CDF's nextCursor is no text") end
    if following and following == cursor then
      return check.protocol("CDF gave the same nextCursor twice, so the list would never end")
    end
    for i = #items, left + 1, -1 do items[i] = nil end
    left = following and left - #items or 0
    cursor = following
    return items
  end
end

--- All items up to `limit`.
---@param fetch cdfworkflow.Fetch
---@param limit number
---@param size? integer items in a page at most
---@return table[]|nil items, table? err
function paging.list(fetch, limit, size)
  local found = {}
  local next_page = pages(fetch, limit, size or paging.PAGE)
  while true do
    local items, err = next_page()
    if err then return nil, err end
    if not items then return check.list(found) end
    for _, item in ipairs(items) do found[#found + 1] = item end
  end
end

--- An iterator over the items, which fetches a page when it needs one. A `for` loop could not tell an error from the
--- end, so the error table of a page that cannot be had is raised; calling the iterator again asks for that page anew.
---@param fetch cdfworkflow.Fetch
---@param limit number
---@param size? integer
---@return fun(): table|nil
function paging.each(fetch, limit, size)
  local next_page = pages(fetch, limit, size or paging.PAGE)
  local items, at = {}, 0
  return function()
    while at >= #items do
      local page, err = next_page()
      if err then error(err, 0) end
      if not page then return nil end
      items, at = page, 0
    end
    at = at + 1
    return items[at]
  end
end

return paging
