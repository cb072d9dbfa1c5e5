-- SPDX-License-Identifier: Apache-2.0
-- A simulator's state as lines of JSON, however large it is: the first line says what it is, each other one holds a
-- piece and where it stands, the last how much there was. Nobody needs a text of the whole.

local core = require "cdfworkflow.core"

local pieces = {}

local FORMAT = 2
local FIRST = '{"cdfworkflow-sim state":%d}\n'
local LAST = '{"bytes":%d,"sum":"%08x"}\n'
local DEPTH = 5 -- projects, name, engine, executions, id: an execution is one piece, unless it is too large
local SLICE = 1000 -- items of an array

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

local function is_array(value)
  return core.is_array(value) or value[1] ~= nil
end

local function slice(value, from)
  local items = core.array {}
  for i = from, math.min(from + SLICE - 1, #value) do items[#items + 1] = value[i] end
  return items
end

local function line(path, value, from)
  local text, problem = core.encode({ at = core.array(path), value = value, from = from }, "piece")
  return text and text .. "\n", problem
end

local function deeper(path, name)
  local longer = {}
  for i, step in ipairs(path) do longer[i] = step end
  longer[#longer + 1] = name
  return longer
end

local split -- both ways: what cannot be written in one piece is split

local function write_piece(emit, path, value, from)
  local text, problem = line(path, value, from)
  if text then return emit(text) end
  if type(value) == "table" and not from and next(value) ~= nil then return split(emit, path, value) end
  return nil, ("cannot write state.%s: %s"):format(table.concat(path, "."), tostring(problem))
end

function split(emit, path, value)
  if is_array(value) then
    for from = 1, #value, SLICE do
      local ok, problem = write_piece(emit, path, slice(value, from), from)
      if not ok then return nil, problem end
    end
    return true
  end
  for name, member in pairs(value) do
    local inner = deeper(path, name)
    local whole = type(member) ~= "table" or next(member) == nil or #inner >= DEPTH
    local ok, problem = (whole and write_piece or split)(emit, inner, member)
    if not ok then return nil, problem end
  end
  return true
end

---Writes a state, a line at a time.
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
  for i = 1, #path - 1 do
    holder[path[i]] = holder[path[i]] or {}
    holder = holder[path[i]]
  end
  return holder, path[#path]
end

local function put(state, piece)
  local holder, name = hold(state, piece.at)
  if not piece.from then
    holder[name] = piece.value
    return
  end
  holder[name] = holder[name] or core.array {}
  for i, item in ipairs(piece.value) do holder[name][piece.from + i - 1] = item end
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

---Reads a state.
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
