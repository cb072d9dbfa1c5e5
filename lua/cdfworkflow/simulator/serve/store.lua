-- SPDX-License-Identifier: Apache-2.0
-- Keeps a simulator's state in a file: one line that says what it is and how much, then JSON. The file is replaced as a
-- whole, so that whoever reads it finds the old state or the new one, whenever the writer was stopped.

local core = require "cdfworkflow.core"

local store = {}

local HEADER = "cdfworkflow-sim state 1, %d bytes, sum %08x\n"
local HEADER_PATTERN = "^cdfworkflow%-sim state (%d+), (%d+) bytes, sum (%x+)\n"

-- Adler-32, eight bytes a step. The remainders are taken once a block, which keeps the sums exact in a double.
local function checksum(text)
  local a, b = 1, 0
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
  return b % 65521 * 65536 + a % 65521
end

local function write(path, text)
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local ok
  ok, message = file:write(text)
  if ok then ok, message = file:flush() end
  local closed, close_message = file:close()
  if ok and closed then return true end
  return nil, message or close_message
end

---Writes a state to a file, first to `path` with `.new` behind it, which then takes its place.
---@param path string
---@param state table
---@return boolean|nil ok, string|nil message
function store.save(path, state)
  local text, problem = core.encode(state, "state")
  if not text then return nil, ("cannot save %s: %s"):format(path, tostring(problem)) end
  local draft = path .. ".new"
  local ok, message = write(draft, HEADER:format(#text, checksum(text)) .. text)
  if ok then ok, message = os.rename(draft, path) end
  if ok then return true end
  os.remove(draft)
  return nil, ("cannot save %s: %s"):format(path, message)
end

local function read(content)
  local version, size, sum = content:match(HEADER_PATTERN)
  if not version then return nil, "is no state of cdfworkflow-sim" end
  if version ~= "1" then return nil, ("holds a state of version %s; this program reads version 1"):format(version) end
  local text = content:match("\n(.*)$")
  if #text ~= tonumber(size) then
    return nil, ("is damaged: it holds %d bytes where %s were written"):format(#text, size)
  end
  if checksum(text) ~= tonumber(sum, 16) then return nil, "is damaged: its content has changed since it was written" end
  local state, problem = core.decode(text)
  if not state then return nil, "cannot be read: " .. tostring(problem) end
  return state
end

---Reads a state from a file.
---@param path string
---@return table|nil state nil without a message when there is no such file
---@return string|nil message
function store.load(path)
  local file, message, code = io.open(path, "rb")
  if not file then
    if code == 2 then return nil end
    return nil, ("cannot read %s: %s"):format(path, message)
  end
  local content
  content, message = file:read("*a")
  file:close()
  if not content then return nil, ("cannot read %s: %s"):format(path, message) end
  local state, problem = read(content)
  if not state then return nil, ("%s %s"):format(path, problem) end
  return state
end

return store
