-- SPDX-License-Identifier: Apache-2.0
-- Public functions and methods that go by the tables of what they take (options.lua): first all mistakes are looked
-- for, then what CDF would refuse; only then the function itself is called, with what its table makes of the arguments.

local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

local method = {}

--- The arguments of every public function and method, by its name: "client.workflows.triggers:list".
---@type table<string, cdfworkflow.Member[]>
method.declared = {}

--- Puts what the method gets in place of what it was given, from position `first` on.
local function take_arguments(arguments, given, first, name)
  for i, member in ipairs(arguments) do options.expect_argument(member, given[first + i - 1], "", name) end
  for i, member in ipairs(arguments) do
    local at = first + i - 1
    local err
    given[at], err = options.use_argument(member, given[at])
    if err and arguments.raises then error(err, 0) end
    if err then return nil, err end
  end
  return true
end

local function go(fn, arguments, first, name, ...)
  local given, count = { ... }, select("#", ...)
  local ok, err = take_arguments(arguments, given, first, name)
  if not ok then return nil, err end
  return fn(unpack(given, 1, math.max(count, first - 1 + #arguments)))
end

--- A function that goes by the table of its arguments; what is beyond them passes as it is.
---@generic F: function
---@param name string how a program calls it, such as "cdf.graph"
---@param arguments cdfworkflow.Member[]
---@param fn F
---@return F
function method.fn(name, arguments, fn)
  method.declared[name] = arguments
  return function(...) return go(fn, arguments, 1, name, ...) end
end

--- The client that a method was called on.
local function client_of(self, name)
  local client = type(self) == "table" and (self.client or self.workflows and self)
  if client then return client end
  local object, short = name:match "^(.*):(.*)$"
  mistake.raise(("%s: called with a dot; write %s:%s(…)"):format(name, object, short))
end

local function bound(name, arguments, fn)
  method.declared[name] = arguments
  return function(self, ...)
    if client_of(self, name).closed and not arguments.even_closed then
      mistake.raise(name .. ": this cdfworkflow client is closed")
    end
    return go(fn, arguments, 2, name, self, ...)
  end
end

--- Makes the public methods of a class go by their tables. `_name` is the same method for whoever has gone by the table
--- already: a short form.
---@param class table
---@param prefix string how a program reaches it, such as "client.workflows"
---@param takes table<string, cdfworkflow.Member[]> the arguments of each public method. With `raises` an error is
---  raised, as iterators do; with `even_closed` it may be called after close
---@return table class
function method.class(class, prefix, takes)
  local methods = {}
  for name, fn in pairs(class) do
    if type(fn) == "function" and not name:find "^_" then methods[name] = fn end
  end
  for name, fn in pairs(methods) do
    class["_" .. name] = fn
    class[name] = bound(prefix .. ":" .. name, assert(takes[name], name .. " has no table"), fn)
  end
  return class
end

return method
