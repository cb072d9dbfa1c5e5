-- SPDX-License-Identifier: Apache-2.0
-- core.folder with steps that are counted: the n-th can be refused, as by a full disk, or be the last one of a process
-- that is killed before or after it.

local core = require "cdfworkflow.core"
local unreliable = require "unreliable"

local failing_folder = { KILLED = unreliable.KILLED }

local real = core.folder
local steps, plan, held = 0, nil, {}
local wrap

local function unwrapped(...)
  local all, n = { ... }, select("#", ...)
  for i = 1, n do
    if type(all[i]) == "table" then all[i] = all[i].real end
  end
  return all, n
end

--- Does a step, or what is planned in its place.
local function take_step(fn, ...)
  steps = steps + 1
  local is_it = plan and steps == plan.step
  local is_later = plan and plan.from and steps >= plan.from
  if is_it and plan.kill == "before" then error(failing_folder.KILLED, 0) end
  if is_it and plan.fail or is_later then return nil, plan.fail end
  local all, n = unwrapped(...)
  local a, b, c, d = fn((table.unpack or unpack)(all, 1, n)) -- luacheck: ignore 143 113
  if type(a) == "userdata" then a = wrap(a) end
  if is_it and plan.kill == "after" then error(failing_folder.KILLED, 0) end
  return a, b, c, d
end

local METHODS = {
  "folder", "write", "read", "size", "publish", "move", "remove", "sync", "lock", "scan", "append", "rewrite", "step",
  "result",
}

function wrap(object)
  local proxy = { real = object }
  for _, name in ipairs(METHODS) do
    local method = object[name]
    proxy[name] = method and function(self, ...) return take_step(method, self, ...) end
  end
  function proxy.close() object:close() end
  if object.close then held[#held + 1] = object end
  return proxy
end

--- From now on core.folder is this one.
---@param planned? { step?: integer, from?: integer, kill?: "before"|"after", fail?: string } `from`: all later ones
---  fail
function failing_folder.begin(planned)
  steps, plan = 0, planned
  core.folder = function(path) return take_step(real, path) end
end

--- The process is gone: what it held is let go of.
---@return integer steps that it had made
function failing_folder.over()
  for _, object in ipairs(held) do object:close() end
  held, plan = {}, nil
  core.folder = real
  return steps
end

return failing_folder
