-- SPDX-License-Identifier: Apache-2.0
-- A simulator's state as lines of JSON, however large it is: the first line says what it is, each other one holds some
-- members of an object or items of an array and where that stands, the last how much there was.

local core = require "cdfworkflow.core"

local pieces = {}

local FORMAT = 2
local FIRST = '{"cdfworkflow-sim state":%d}\n'
local LAST = '{"bytes":%d,"sum":"%08x"}\n'
local DEPTH = 4 -- projects, name, engine, executions: what lies in there is written whole, unless it is too large
local SLICE = 200 -- items of an array, or members of an object, in a piece

-- Adler-32, eight bytes a step. The remainders are taken once a block, which keeps the sums exact in a double.
local Sum = {}
Sum.__index = Sum

local function new_sum()
  return setmetatable({ a = 1, b = 0, size = 0 }, Sum)
end

function Sum:add(text)
  local a, b = self.a, self.b
  local byte, whole = text.byte, #text - #text % 8
  for block = 1, whole, 4096 do
    for i = block, math.min(block + 4095, whole), 8 do
      local p, q, r, s, t, u, v, w = byte(text, i, i + 7)
      b = b + 8 * (a + p) + 7 * q + 6 * r + 5 * s + 4 * t + 3 * u + 2 * v + w
      a = a + p + q + r + s + t + u + v + w
    end
    a, b = a % 65521, b % 65521
  end
  for i = whole + 1, #text do
    a = a + byte(text, i)
    b = b + a
  end
  self.a, self.b, self.size = a % 65521, b % 65521, self.size + #text
end

function Sum:value()
  return self.b * 65536 + self.a
end

---------------------------------------------------------------------------------------------------------------------
-- Writing
---------------------------------------------------------------------------------------------------------------------

local function deeper(path, name)
  local longer = {}
  for i, step in ipairs(path) do longer[i] = step end
  longer[#longer + 1] = name
  return longer
end

local function write_piece(emit, path, piece)
  piece.at = core.array(path)
  local text, problem = core.encode(piece, "piece")
  if text then return emit(text .. "\n") end
  local where = "state" .. table.concat(path, "."):gsub("^.", ".%0")
  return nil, (tostring(problem):gsub("^piece%.%a+", (where:gsub("%%", "%%%%"))))
end

local split -- both ways: what cannot be written in one piece is split

local function write_member(emit, path, name, value)
  local ok, problem = write_piece(emit, path, { members = { [name] = value } })
  if ok or type(value) ~= "table" or next(value) == nil then return ok, problem end
  return split(emit, deeper(path, name), value)
end

-- Some members of one object at a time, one by one where they are too large together.
local function write_members(emit, path, members)
  if next(members) == nil or write_piece(emit, path, { members = members }) then return true end
  for name, value in pairs(members) do
    local ok, problem = write_member(emit, path, name, value)
    if not ok then return nil, problem end
  end
  return true
end

local function write_items(emit, path, list)
  for from = 1, #list, SLICE do
    local items = core.array {}
    for i = from, math.min(from + SLICE - 1, #list) do items[#items + 1] = list[i] end
    local ok, problem = write_piece(emit, path, { items = items, from = from })
    if not ok then return nil, problem end
  end
  return true
end

function split(emit, path, value)
  if core.is_array(value) or value[1] ~= nil then return write_items(emit, path, value) end
  local members, size, ok, problem = {}, 0, true, nil
  for name, member in pairs(value) do
    if type(member) == "table" and next(member) ~= nil and #path < DEPTH then
      ok, problem = split(emit, deeper(path, name), member)
    else
      members[name], size = member, size + 1
    end
    if ok and size == SLICE then
      ok, problem = write_members(emit, path, members)
      members, size = {}, 0
    end
    if not ok then return nil, problem end
  end
  return write_members(emit, path, members)
end

--- Writes a state, a line at a time.
---@param state table
---@param write fun(line: string): any, string? gives nil and a message to stop
---@return boolean|nil ok, string|nil message
function pieces.write(state, write)
  local sum = new_sum()
  local function emit(text)
    sum:add(text)
    return write(text)
  end
  local ok, problem = emit(FIRST:format(FORMAT))
  if ok then ok, problem = split(emit, {}, state) end
  if ok then ok, problem = write(LAST:format(sum.size, sum:value())) end
  return ok and true or nil, problem
end

---------------------------------------------------------------------------------------------------------------------
-- Reading
---------------------------------------------------------------------------------------------------------------------

local function hold(state, path)
  local holder = state
  for _, step in ipairs(path) do
    holder[step] = holder[step] or {}
    holder = holder[step]
  end
  return holder
end

local function put_items(state, piece)
  local last = table.remove(piece.at)
  local holder = hold(state, piece.at)
  local list = holder[last] or core.array {}
  holder[last] = list
  for i, item in ipairs(piece.items) do list[piece.from + i - 1] = item end
end

local function put(state, piece)
  if piece.items then return put_items(state, piece) end
  local holder = hold(state, piece.at)
  for name, value in pairs(piece.members) do holder[name] = value end
end

local function read_first(text)
  local first = text and core.decode(text)
  local version = type(first) == "table" and first["cdfworkflow-sim state"]
  if not version then return "is no state of cdfworkflow-sim" end
  if version ~= FORMAT then
    return ("holds a state of version %s; this program reads version %d"):format(tostring(version), FORMAT)
  end
end

local function read_piece(state, text)
  local piece = core.decode(text)
  if type(piece) ~= "table" then return nil, "is damaged: one of its lines is no JSON" end
  if piece.bytes then return nil, nil, piece end
  local ok = pcall(put, state, piece)
  if not ok then return nil, "is damaged: one of its lines is no piece of a state" end
  return true
end

local function check_last(last, sum)
  if last.bytes ~= sum.size then
    return ("is damaged: it holds %d bytes where %.0f were written"):format(sum.size, tonumber(last.bytes) or 0)
  elseif last.sum ~= ("%08x"):format(sum:value()) then
    return "is damaged: its content has changed since it was written"
  end
end

--- Reads a state.
---@param read fun(): string|nil the next line, with its end
---@return table|nil state, string|nil message
function pieces.read(read)
  local sum, state, text = new_sum(), {}, read()
  local problem = read_first(text)
  if problem then return nil, problem end
  local ok, last
  repeat
    sum:add(text)
    text = read()
    if not text then return nil, "is damaged: its end is missing" end
    ok, problem, last = read_piece(state, text)
  until not ok
  if not last then return nil, problem end
  problem = check_last(last, sum) or read() and "is damaged: something stands behind its end"
  if problem then return nil, problem end
  return state
end

return pieces
