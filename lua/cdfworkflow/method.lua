-- SPDX-License-Identifier: Apache-2.0
-- Public functions and methods that go by the tables of what they take (options.lua): first all mistakes are looked
-- for, then what CDF would refuse; only then the function itself is called, with what its table makes of the arguments.

local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"

local expect, use, look_of = options.expect_argument, options.use_argument, options.look_of

local method = {}

--- The arguments of every public function and method, by its name: "client.workflows.triggers:list".
---@type table<string, cdfworkflow.Member[]>
method.declared = {}

--- What a quick look needs of an argument: whether it may be left out, what looks at it, and whether the function gets
--- another value than was given. Of one that there is not: it may be anything.
local function parts_of(member)
  if not member then return true, function() return true end, false end
  return not member.required, look_of(member), member[2].use ~= nil
end

--- A function that first looks for mistakes in the arguments, and raises; then makes of them what `fn` gets, or gives
--- `nil, err` where CDF would refuse one; then calls `fn`. No function has more than four, and no table is made of
--- them, since every run comes by here.
local function door(fn, arguments, name)
  local first, second, third, fourth = arguments[1], arguments[2], arguments[3], arguments[4]
  local no_a, fine_a, change_a = parts_of(first)
  local no_b, fine_b, change_b = parts_of(second)
  local no_c, fine_c, change_c = parts_of(third)
  local no_d, fine_d, change_d = parts_of(fourth)

  local function refuse_mistakes(a, b, c, d)
    if first then expect(first, a, "", name) end
    if second then expect(second, b, "", name) end
    if third then expect(third, c, "", name) end
    if fourth then expect(fourth, d, "", name) end
  end

  return function(self, a, b, c, d)
    local fine = (a == nil and no_a or fine_a(a)) and (b == nil and no_b or fine_b(b))
      and (c == nil and no_c or fine_c(c)) and (d == nil and no_d or fine_d(d))
    if not fine then refuse_mistakes(a, b, c, d) end
    local err
    if change_a or first and a == nil then a, err = use(first, a) end
    if not err and (change_b or second and b == nil) then b, err = use(second, b) end
    if not err and (change_c or third and c == nil) then c, err = use(third, c) end
    if not err and (change_d or fourth and d == nil) then d, err = use(fourth, d) end
    if err and arguments.raises then error(err, 0) end
    if err then return nil, err end
    if self == nil then return fn(a, b, c, d) end
    return fn(self, a, b, c, d)
  end
end

--- A function that goes by the table of its arguments; what is beyond them passes as it is.
---@generic F: function
---@param name string how a program calls it, such as "cdf.graph"
---@param arguments cdfworkflow.Member[]
---@param fn F
---@return F
function method.fn(name, arguments, fn)
  method.declared[name] = arguments
  local enter = door(fn, arguments, name)
  return function(a, b, c, d) return enter(nil, a, b, c, d) end
end

--- The client that a method was called on, or a simulator.
local function owner_of(self, name)
  local owner = type(self) == "table" and (self.client or (self.workflows or self.project_names) and self)
  if owner then return owner end
  local object, short = name:match "^(.*):(.*)$"
  mistake.raise(("%s: called with a dot; write %s:%s(…)"):format(name, object, short))
end

local function bound(name, arguments, fn)
  method.declared[name] = arguments
  local enter = door(fn, arguments, name)
  return function(self, a, b, c, d)
    local closed = owner_of(self, name).closed and "cdfworkflow client" or self.closed and "queue"
    if closed and not arguments.even_closed then mistake.raise(("%s: this %s is closed"):format(name, closed)) end
    return enter(self, a, b, c, d)
  end
end

--- Adds a public method to a class. `_name` is the same for whoever has gone by the table already: a short form.
---@param prefix string how a program reaches the class, such as "client.workflows"
---@param arguments cdfworkflow.Member[] with `raises` an error is raised, as iterators do; with `even_closed` it may be
---  called after close
---@return function
function method.add(class, prefix, name, fn, arguments)
  class["_" .. name] = fn
  class[name] = bound(prefix .. ":" .. name, assert(arguments, name .. " has no table"), fn)
  return class[name]
end

--- Makes the public methods of a class go by their tables.
---@param class table
---@param prefix string
---@param takes table<string, cdfworkflow.Member[]> the arguments of each public method
---@return table class
function method.class(class, prefix, takes)
  local methods = {}
  for name, fn in pairs(class) do
    if type(fn) == "function" and not name:find "^_" then methods[name] = fn end
  end
  for name, fn in pairs(methods) do method.add(class, prefix, name, fn, takes[name]) end
  return class
end

return method
