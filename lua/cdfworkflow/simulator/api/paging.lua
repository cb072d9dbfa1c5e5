-- SPDX-License-Identifier: Apache-2.0
-- Pages of a list: a limit, an opaque cursor that is good for one list with one filter, and the walk over what is
-- stored. Knows nothing about what the lists hold.

local core = require "cdfworkflow.core"
local canonical = require "cdfworkflow.simulator.lib.canonical"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse

local paging = {}

---@alias cdfworkflow.simulator.Step fun(after: integer|nil): integer|nil, table|nil

local function read_cursor(cursor, scope)
  if not cursor then
    return nil
  end
  local mark, position = cursor:match("^(%x%x%x%x%x%x%x%x)(%d+)$")
  if mark ~= scope then
    refuse(400, "Invalid cursor")
  end
  return tonumber(position)
end

---@param step cdfworkflow.simulator.Step the first entry after a position, with its own position
---@param given { limit: integer, cursor: string? }
---@param filter any what else the list was asked for; a cursor belongs to it
---@return table # `items` and, when more follows, `nextCursor`
function paging.page(step, given, filter)
  local scope = canonical.hash(canonical.text(filter), 8)
  local items = core.array({})
  local last, item = step(read_cursor(given.cursor, scope))
  while item do
    local position = last
    items[#items + 1] = item
    last, item = step(position)
    if item and #items == given.limit then
      return { items = items, nextCursor = ("%s%.0f"):format(scope, position) }
    end
  end
  return { items = items }
end

---Walks a list that only ever grows, newest first.
---@param ids string[] in order of creation
---@param get fun(id: string): table|nil the resource when it is wanted
---@return cdfworkflow.simulator.Step
function paging.newest_first(ids, get)
  return function(after)
    for position = (after or #ids + 1) - 1, 1, -1 do
      local item = get(ids[position])
      if item then
        return position, item
      end
    end
  end
end

---Walks the resources of a small collection in order of creation.
---@param entries table<any, { seq: integer, resource: table }>
---@param wanted fun(resource: table): boolean
---@return cdfworkflow.simulator.Step
function paging.by_creation(entries, wanted)
  local found = {}
  for _, entry in pairs(entries) do
    if wanted(entry.resource) then
      found[#found + 1] = entry
    end
  end
  table.sort(found, function(a, b)
    return a.seq < b.seq
  end)
  local position = 0
  return function(after)
    position = position + 1
    while found[position] and after and found[position].seq <= after do
      position = position + 1
    end
    local entry = found[position]
    if entry then
      return entry.seq, entry.resource
    end
  end
end

return paging
