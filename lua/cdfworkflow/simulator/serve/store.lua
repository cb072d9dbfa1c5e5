-- SPDX-License-Identifier: Apache-2.0
-- Keeps a simulator's state in a file that only its owner can read, since it holds what functions were given. The file
-- is replaced as a whole: whoever reads it finds the old state or the new one, whenever the writer was stopped.

local pieces = require "cdfworkflow.simulator.serve.pieces"

local store = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Lua cannot say who may read a file that it makes; the shell can, and makes it or says why not.
local function open_private(path)
  local shell = assert(io.popen(("exec 2>&1; umask 077; set -C; rm -f -- %s; : > %s"):format(quote(path), quote(path))))
  local said = shell:read("*a")
  shell:close()
  if said ~= "" then return nil, said:match("([^:%s][^:\n]*)\n$") or said end
  return io.open(path, "r+b")
end

local function finish(file, ok, message)
  if ok then ok, message = file:flush() end
  local closed, close_message = file:close()
  if ok and closed then return true end
  return nil, message or close_message
end

local function write(path, state)
  local file, message = open_private(path)
  if not file then return nil, message end
  file:setvbuf("full", 65536)
  local ok
  ok, message = pieces.write(state, function(line) return file:write(line) end)
  return finish(file, ok, message)
end

--- Writes a state to a file, first to `path` with `.new` behind it, which then takes its place.
---@param path string
---@param state table
---@return boolean|nil ok, string|nil message
function store.save(path, state)
  local draft = path .. ".new"
  local ok, message = write(draft, state)
  if ok then ok, message = os.rename(draft, path) end
  if ok then return true end
  os.remove(draft)
  return nil, ("cannot save %s: %s"):format(path, message)
end

--- Tries whether a state could be saved.
---@param path string
---@return boolean|nil ok, string|nil message
function store.try(path)
  local draft = path .. ".new"
  local file, message = open_private(draft)
  if not file then return nil, ("cannot save %s: %s"):format(path, message) end
  file:close()
  os.remove(draft)
  return true
end

local function read(file)
  file:seek("end", -1)
  local last, problem = file:read(1)
  if problem then return nil, "cannot be read: " .. problem end
  if last ~= "\n" then return nil, "is no state of cdfworkflow-sim, or its end is missing" end
  file:seek("set")
  return pieces.read(function()
    local line = file:read("*l")
    return line and line .. "\n"
  end)
end

--- Reads a state from a file.
---@param path string
---@return table|nil state nil without a message when there is no such file
---@return string|nil message
function store.load(path)
  local file, message, code = io.open(path, "rb")
  if not file then
    if code == 2 then return nil end
    return nil, ("cannot read %s: %s"):format(path, message)
  end
  local state
  state, message = read(file)
  file:close()
  if not state then return nil, ("%s %s"):format(path, message) end
  return state
end

return store
