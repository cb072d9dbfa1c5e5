-- SPDX-License-Identifier: Apache-2.0
-- What a run does not need is loaded when it is first used, which makes the start of a program cheaper. nginx and
-- HAProxy load everything at once: they may not get at the files any more once they serve.

local later = {}

--- Whether the host has given this global, as nginx gives `ngx` and HAProxy `core`.
function later.in_host(name) return type(rawget(_G, name)) == "table" end

local AT_ONCE = later.in_host "ngx" or later.in_host "core"

--- What loads, of all that was not loaded yet.
local pending = {}

local function put_off(load)
  if AT_ONCE then return load() end
  pending[#pending + 1] = load
end

--- Puts functions into a table that load the ones they stand for, which then take their places.
---@param t table
---@param loaders table<string, fun(): function> by the names in `t`
function later.functions(t, loaders)
  for name, load in pairs(loaders) do
    local function settle()
      local real = load()
      t[name] = real
      return real
    end
    t[name] = function(...) return settle()(...) end
    put_off(settle)
  end
end

--- A table with no members of its own yet, which gets those of the one it stands for.
---@param load fun(): table
---@return table
function later.table(load)
  local t = {}
  local function settle()
    if not getmetatable(t) then return end
    setmetatable(t, nil)
    for name, value in pairs(load()) do t[name] = value end
  end
  setmetatable(t, { __index = function(_, name)
    settle()
    return rawget(t, name)
  end })
  put_off(settle)
  return t
end

local stand_ins = {}

--- The metatable of an object until it is first used, when it gets the class that the file gives.
---@param file string a module whose value is a class
---@return table
function later.class(file)
  if package.loaded[file] then return package.loaded[file] end
  if not stand_ins[file] then
    stand_ins[file] = { __index = function(self, name)
      return setmetatable(self, require(file))[name]
    end }
    put_off(function() require(file) end)
  end
  return package.loaded[file] or stand_ins[file]
end

--- Loads all that was put off.
function later.load_all()
  local loaders = pending
  pending = {}
  for _, load in ipairs(loaders) do load() end
end

return later
