-- SPDX-License-Identifier: Apache-2.0
-- Starts the programs: makes Lua find this library beside the script that was started, and Debian's libraries, whatever
-- LUA_PATH and the wrapper that LuaRocks puts around a script say (it rewrites folders of other versions in LUA_PATH,
-- and need not know its own tree). Run by the scripts before anything else can be required.

local version = _VERSION:match "%d+%.%d+"

--- The patterns of a folder with Lua files.
local function patterns(folder) return folder .. "/?.lua;" .. folder .. "/?/init.lua" end

--- Debian's folder for this Lua; lua-http, or what it needs, is for 5.3 and later in those of older versions only.
local function debian()
  local found = patterns("/usr/share/lua/" .. version)
  for _, older in ipairs { "5.4", "5.3", "5.2" } do
    if tonumber(version) > 5.2 and older < version then found = found .. ";" .. patterns("/usr/share/lua/" .. older) end
  end
  return found
end

--- A shell may be set up for another Lua, by `luarocks path` say: its shared objects are of no use, ours lie beside.
local function for_this_lua(patterns_of_objects)
  return (patterns_of_objects:gsub("/lua/5%.%d/", "/lua/" .. version .. "/"))
end

--- Where the shared object is: a tree has lib beside share; a checkout has build beside lua.
local function add_object(tree)
  local prefix = tree:match "^(.*)/share/lua/[^/]*$"
  if prefix then
    package.cpath = ("%s/lib/lua/%s/?.so;%s"):format(prefix, version, package.cpath)
  else
    local build = rawget(_G, "jit") and "luajit" or version
    package.cpath = ("%s;%s/../build/%s/?.so"):format(package.cpath, tree, build)
  end
end

--- What Lua says, in one line, without all the places where it has looked.
local function in_one_line(message)
  return (tostring(message):gsub("\n%s*no f[^\n]*", ""):gsub("\n%s*", " "):gsub(":$", ""))
end

local function load_all(module)
  require "cdfworkflow.supported"
  return require(module)
end

--- Makes Lua find the library in this folder, and runs the program.
---@param tree string the folder that holds `cdfworkflow/`, as the script has found it
---@param name string what the program is called in messages
---@param module string the one that has its `main`
---@return integer status
return function(tree, name, module)
  package.path = patterns(tree) .. ";" .. package.path .. ";" .. debian()
  package.cpath = for_this_lua(package.cpath)
  add_object(tree)
  local found, program = pcall(load_all, module)
  if found then return program.main(arg) end
  io.stderr:write(name, ": ", in_one_line(program), "\n")
  return 2
end
