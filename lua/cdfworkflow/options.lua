-- SPDX-License-Identifier: Apache-2.0
-- What methods take, as tables, and the one place that goes by them. A method's table lists its arguments; options and
-- the members of a resource are lists of the same shape. From it come: unknown and missing options and wrong types,
-- which are mistakes of the program; values that CDF would refuse (`nil, err`); defaults; and where each option goes.
-- What a value of each kind must be is in check.lua. Nothing that the user gave is changed.

local core = require "cdfworkflow.core"
local mistake = require "cdfworkflow.mistake"

local options = {}

---@class cdfworkflow.Kind what a value must be
---@field word string in a sentence: "a number of seconds above 0"
---@field accepts fun(value: any): boolean? not true: a mistake in the program
---@field look? fun(value: any, path: string, method: string) raises for mistakes inside the value
---@field use? fun(value: any, path: string): any, cdfworkflow.Error? what the method gets for it; nil, err where CDF
---  would refuse it
---@field default? any in place of nil
---@field least? number
---@field most? number
---@field fine? fun(value: any): boolean whether there is surely no mistake in the value, nor inside it: a quick look
---@field choices? string[] the words there are
---@field members? cdfworkflow.Member[] of a table with names
---@field open? boolean it may have others as well

---@class cdfworkflow.Member an argument, an option or a member of a resource
---@field [1] string its name
---@field [2] cdfworkflow.Kind
---@field required? boolean
---@field default? any
---@field to? string the table, in what the method gets, that it goes into: "query", "filter", "core"
---@field as? string its name there
---@field tells? string an option that is true where this one was given

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

-- {==== Mistakes ====

--- A key as a message shows it, on one line.
local function shown_key(key)
  if type(key) ~= "string" then return ("[%s]"):format(tostring(key)) end
  return (("%q"):format(key):gsub("\\\n", "\\n"))
end

--- A value of a wrong type may be anything, a secret too; a number out of its range, or a word that is nearly one of
--- those there are, is shown.
local function shown(value, kind)
  if type(value) == "number" and kind.least then return tostring(value) end
  local hint = kind.choices and require("cdfworkflow.suggest").hint(value, kind.choices) or ""
  if hint ~= "" then return shown_key(value) .. hint end
  return value == nil and "nil" or "a " .. type(value)
end

local function refuse_unknown(t, known, names, method, noun)
  for key in pairs(t) do
    if not known[key] then
      local suggest = require "cdfworkflow.suggest"
      local first = suggest.unknown(t, names)[1]
      mistake.raise(("%s: unknown %s %s%s"):format(method, noun, shown_key(first), suggest.hint(first, names)))
    end
  end
end

--- For tables that have no kinds yet: raises when `opts` is not a table or holds an option that is not in `allowed`.
---@param opts table|nil the options that the user gave
---@param allowed string[] the names there are
---@param method string the call to name in the message
---@return table opts the same table, or a new empty one for nil
function options.check(opts, allowed, method)
  if opts == nil then return {} end
  if type(opts) ~= "table" then
    mistake.raise(("%s: expected a table of options, got %s"):format(method, type(opts)))
  end
  refuse_unknown(opts, set_of(allowed), allowed, method, "option")
  return opts
end

-- }====

-- {==== Going by the tables: first all mistakes, then what CDF would refuse ====

local function join(path, name)
  return path == "" and name or path .. "." .. name
end

--- Raises for mistakes in one argument, option or member that is there or must be. `inner` is the path of what is
--- inside it.
local function expect(kind, value, path, method, inner)
  if not kind.accepts(value) then
    mistake.raise(("%s: %s: expected %s, got %s"):format(method, path, kind.word, shown(value, kind)))
  end
  if kind.look then kind.look(value, inner or path, method) end
end

local function expect_members(members, given, path, method)
  for i = 1, #members do
    local member = members[i]
    local value = given[member[1]]
    if value ~= nil or member.required then expect(member[2], value, join(path, member[1]), method) end
  end
end

local function put(taken, member, value)
  local place = taken
  if member.to then
    place = taken[member.to] or {}
    taken[member.to] = place
  end
  place[member.as or member[1]] = value
end

--- Takes the members of `given` into `taken`.
local function use_members(members, given, taken, path)
  for i = 1, #members do
    local member = members[i]
    local kind, value = member[2], given[member[1]]
    if value ~= nil and member.tells then put(taken, { member.tells, to = member.to }, true) end
    if value == nil then value = member.default end
    if value ~= nil then
      local err
      if kind.use then value, err = kind.use(value, join(path, member[1])) end
      if err then return nil, err end
      put(taken, member, value)
    end
  end
  return taken
end

--- Raises for mistakes in the argument of a function. `path` is where its arguments stand: in a list of such, say.
---@param member cdfworkflow.Member
---@param value any
---@param path string
---@param method string
function options.expect_argument(member, value, path, method)
  if value == nil and not member.required then return end
  local kind = member[2]
  expect(kind, value, join(path, member[1]), method, kind.members and path)
end

--- A quick look at an argument: what it makes of a value is true where there is surely no mistake in it, since every
--- run comes by here; where it is not, `expect_argument` says why.
---@param member cdfworkflow.Member
---@return fun(value: any): boolean
function options.look_of(member)
  local kind = member[2]
  return kind.fine or not kind.look and kind.accepts or function() return false end
end

--- What the function gets for it. The members of an argument are known by their own names.
---@return any value
---@return cdfworkflow.Error? err
function options.use_argument(member, value)
  local kind = member[2]
  if value == nil then value = member.default end
  if value == nil then value = kind.default end
  if value == nil or not kind.use then return value end
  return kind.use(value, kind.members and "" or member[1])
end

-- }====

-- {==== Kinds made of others ====

local function is_table(value) return type(value) == "table" end

--- A list of members in which lists of members may stand, made one.
local function flat(lists, into)
  for _, member in ipairs(lists) do
    if type(member[1]) == "table" then flat(member, into) else into[#into + 1] = member end
  end
  return into
end

--- Whether all that is given is known and of its kind, and all that must be there is.
local function is_fine(by_name, required, given)
  for name, value in next, given do
    local member = by_name[name]
    if not member or member[2].look or not member[2].accepts(value) then return false end
  end
  for i = 1, #required do
    if given[required[i]] == nil then return false end
  end
  return true
end

local function closed(noun, lists, rule)
  local members = flat(lists, {})
  local names, by_name, required = {}, {}, {}
  for i, member in ipairs(members) do
    names[i], by_name[member[1]] = member[1], member
    if member.required then required[#required + 1] = member[1] end
  end
  return {
    word = ("a table of %ss"):format(noun), accepts = is_table, members = members,
    fine = function(given)
      return type(given) == "table" and is_fine(by_name, required, given) and not (rule and rule(given))
    end,
    look = function(given, path, method)
      if not is_fine(by_name, required, given) then
        refuse_unknown(given, by_name, names, method, noun)
        expect_members(members, given, path, method)
      end
      local complaint = rule and rule(given)
      if complaint then mistake.raise(method .. ": " .. complaint) end
    end,
    use = function(given, path) return use_members(members, given, {}, path) end,
  }
end

--- The same members, which all go into one table of what the method gets.
---@param to string "query", "filter", "core"
---@param members cdfworkflow.Member[]
---@return cdfworkflow.Member[]
function options.into(to, members)
  local moved = {}
  for i, member in ipairs(members) do
    moved[i] = { member[1], member[2], required = member.required, default = member.default, as = member.as, to = to,
      tells = member.tells }
  end
  return moved
end

--- A table of options; nil is an empty one.
---@param members (cdfworkflow.Member|cdfworkflow.Member[])[]
---@param rule? fun(given: table): string? what is wrong with them together, as the end of a sentence
---@return cdfworkflow.Kind
function options.of(members, rule)
  local kind = closed("option", members, rule)
  kind.default = {}
  return kind
end

--- The same that must be there.
function options.needed(members, rule) return closed("option", members, rule) end

--- Options for another function, which goes by the whole table, or for C: checked for mistakes, and handed on as they
--- are.
---@return cdfworkflow.Kind
function options.passed(members, rule)
  local optional = {}
  for i, member in ipairs(flat(members, {})) do optional[i] = { member[1], member[2] } end
  local kind = options.of(optional, rule)
  kind.use = nil
  return kind
end

--- A table that has these members and no others.
---@return cdfworkflow.Kind
function options.members(members, rule) return closed("member", members, rule) end

--- A resource of CDF: what is not among the members passes through, since CDF gets new ones.
---@param members cdfworkflow.Member[]
---@param left_out? string[] members of answers, so that what was read can be sent back
---@return cdfworkflow.Kind
function options.resource(members, left_out)
  return {
    word = "a table", accepts = is_table, members = members, open = true,
    look = function(given, path, method) expect_members(members, given, path, method) end,
    use = function(given, path)
      local taken = {}
      for name, value in pairs(given) do taken[name] = value end
      for _, name in ipairs(left_out or {}) do taken[name] = nil end
      return use_members(members, given, taken, path)
    end,
  }
end

--- Of a resource these members only.
---@param members cdfworkflow.Member[]
---@return cdfworkflow.Kind
function options.part(members)
  return {
    word = "a table", accepts = is_table, members = members, open = true,
    look = function(given, path, method) expect_members(members, given, path, method) end,
    use = function(given, path) return use_members(members, given, {}, path) end,
  }
end

--- A value as CDF takes it among others: `{ externalId = value }`.
---@param name string
---@param kind cdfworkflow.Kind
---@return cdfworkflow.Kind
function options.item(name, kind)
  return {
    word = kind.word, accepts = kind.accepts,
    use = function(given, path)
      local value, err = kind.use(given, path)
      return value ~= nil and { [name] = value } or nil, err
    end,
  }
end

local function is_list(value) return type(value) == "table" and (#value > 0 or next(value) == nil) end

local function item_path(path, i) return ("%s[%d]"):format(path, i) end

local function expect_items(kind, given, path, method)
  for i, value in ipairs(given) do expect(kind, value, item_path(path, i), method) end
end

local function use_items(kind, given, path)
  local taken = {}
  for i, value in ipairs(given) do
    local err
    taken[i] = value
    if kind.use then taken[i], err = kind.use(value, item_path(path, i)) end
    if err then return nil, err end
  end
  return taken[1] == nil and core.array(taken) or taken -- an empty list stays one in JSON
end

--- A list of values of one kind. A table with other keys is none: `#` would make 0 of a single resource, and nothing
--- would happen.
---@param kind cdfworkflow.Kind
---@param word? string
---@return cdfworkflow.Kind
function options.list(kind, word)
  return {
    word = word or "a list", accepts = is_list,
    look = function(given, path, method) expect_items(kind, given, path, method) end,
    use = function(given, path) return use_items(kind, given, path) end,
  }
end

--- One value or a list of them. The method gets a list, with `single` set for one.
---@param kind cdfworkflow.Kind
---@return cdfworkflow.Kind
function options.one_or_list(kind)
  local list = options.list(kind)
  return {
    word = kind.word .. ", or a list of these",
    accepts = function(value) return kind.accepts(value) or list.accepts(value) end,
    look = function(given, path, method)
      if not kind.accepts(given) then list.look(given, path, method) end
    end,
    use = function(given, path)
      if not kind.accepts(given) then return list.use(given, path) end
      local value, err = kind.use(given, path)
      return value ~= nil and { value, single = true } or nil, err
    end,
  }
end

-- }====

return options
