-- SPDX-License-Identifier: Apache-2.0
-- Pages of a list: a limit, an opaque cursor that is good for one list with one filter, and the walk over what is
-- stored. Knows nothing about what the lists hold.

local core = require "cdfworkflow.core"
local canonical = require "cdfworkflow.simulator.lib.canonical"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"

local paging = {}

--- A position is a number, or a text that sorts.
---@alias cdfworkflow.simulator.Step fun(after: integer|string|nil): integer|string|nil, table|nil

local function write_position(position)
  if type(position) == "number" then
    return ("%.0f"):format(position)
  end
  return "x" .. position:gsub(".", function(character)
    return ("%02x"):format(character:byte())
  end)
end

local function read_position(text)
  local digits = text:match("^x(%x*)$")
  return digits and (digits:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end)) or text:find("^%d+$") and tonumber(text)
end

local function read_cursor(cursor, scope)
  if not cursor then
    return nil
  end
  local mark, text = cursor:match("^(%x%x%x%x%x%x%x%x)(.+)$")
  local position = mark == scope and read_position(text)
  return position or refuse(refusals.cursor)
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
      return { items = items, nextCursor = scope .. write_position(position) }
    end
  end
  return { items = items }
end

--- Walks a list that only ever grows, newest first.
---@param ids string[] in order of creation
---@param get fun(id: string): table|nil, boolean? the resource when it is wanted; true when no older one is
---@return cdfworkflow.simulator.Step
function paging.newest_first(ids, get)
  return function(after)
    after = tonumber(after)
    for position = (after or #ids + 1) - 1, 1, -1 do
      local item, is_last = get(ids[position])
      if item then
        return position, item
      elseif is_last then
        return nil
      end
    end
  end
end

-- Walks the resources of a small collection in the order of what `place` gives for an entry.
local function in_order(entries, wanted, kind, place)
  local found = {}
  for _, entry in pairs(entries) do
    if wanted(entry.resource) then
      found[#found + 1] = entry
    end
  end
  table.sort(found, function(a, b)
    return place(a) < place(b)
  end)
  local position = 0
  return function(after)
    after = after and kind(after)
    position = position + 1
    while found[position] and after and place(found[position]) <= after do
      position = position + 1
    end
    local entry = found[position]
    if entry then
      return place(entry), entry.resource
    end
  end
end

---@param entries table<any, { seq: integer, resource: table }>
---@param wanted fun(resource: table): boolean
---@return cdfworkflow.simulator.Step
function paging.by_creation(entries, wanted)
  return in_order(entries, wanted, tonumber, function(entry)
    return entry.seq
  end)
end

---@param entries table<any, { resource: { externalId: string } }>
---@param wanted fun(resource: table): boolean
---@return cdfworkflow.simulator.Step
function paging.by_external_id(entries, wanted)
  return in_order(entries, wanted, tostring, function(entry)
    return entry.resource.externalId
  end)
end

return paging
