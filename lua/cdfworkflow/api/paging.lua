-- SPDX-License-Identifier: Apache-2.0
-- Lists longer than CDF gives or takes at once (CDF.md section 13): all pages up to a limit, or one page at a time
-- behind an iterator; and slices of what is sent. Knows no endpoint: who lists gives a function that fetches a page.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"

local paging = {}

--- What CDF gives at most in one page.
paging.PAGE = 1000

---@alias cdfworkflow.Fetch fun(limit: integer, cursor: string|nil): table|nil, table?

--- The option `limit` of `list` and of `each`.
paging.LIMIT = { "limit", check.limit, default = 25 }
paging.ALL = { "limit", check.limit, default = math.huge }
--- The option `ignore_unknown_ids` where CDF has it in the query.
paging.IGNORE_UNKNOWN_IDS = {
  "ignore_unknown_ids", check.boolean, default = false, to = "query", as = "ignoreUnknownIds",
}

--- A function that gives the items of the next page each time, and nil after the last.
local function pages(fetch, limit, size)
  local cursor, left = nil, limit
  return function()
    if left <= 0 then return nil end
    local page, err = fetch(math.min(size, left), cursor)
    local items
    items, err = answer.items("items", page, err)
    if not items then return nil, err end
    local following = page.nextCursor
    if following == core.null or following == "" then following = nil end
    if following and type(following) ~= "string" then return answer.protocol("CDF's nextCursor is no text") end
    if following and following == cursor then
      return answer.protocol("CDF gave the same nextCursor twice, so the list would never end")
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
---@return table[]|nil items
---@return cdfworkflow.Error? err
function paging.list(fetch, limit, size)
  local found = {}
  local next_page = pages(fetch, limit, size or paging.PAGE)
  while true do
    local items, err = next_page()
    if err then return nil, err end
    if not items then return answer.list(found) end
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

--- Does the same for slices of a list that is longer than CDF takes at once, in order, up to the first error.
---@param items any[]
---@param size integer
---@param send fun(slice: any[]): table[]|true|nil, cdfworkflow.Error?
---@return any[]|nil results the lists that `send` gave, joined
---@return cdfworkflow.Error? err
function paging.slices(items, size, send)
  local joined = {}
  for first = 1, #items, size do
    local slice = {}
    for i = first, math.min(first + size - 1, #items) do slice[#slice + 1] = items[i] end
    local results, err = send(slice)
    if not results then return nil, err end
    if type(results) == "table" then
      for _, result in ipairs(results) do joined[#joined + 1] = result end
    end
  end
  return answer.list(joined)
end

--- What one name or a list of names gives: a resource or a list of them.
---@param names table[] with `single` set for one
---@param size integer how many CDF takes at once
---@param what string "session"
---@param ask fun(slice: table[]): table|nil, cdfworkflow.Error? gives CDF's answer
---@return table|nil
---@return cdfworkflow.Error? err
function paging.by_names(names, size, what, ask)
  local found, err = paging.slices(names, size, function(slice) return answer.items(what .. "s", ask(slice)) end)
  if not found or not names.single then return found, err end
  if not found[1] then return answer.protocol("CDF's answer holds no " .. what) end
  return found[1]
end

return paging
