-- SPDX-License-Identifier: Apache-2.0
-- What the annotations of public functions lack, and where they and the tables of what is taken differ.

local annotations = require "reference.annotations"
local model = require "reference.model"

local function by_name(list, key)
  local found = {}
  for _, one in ipairs(list) do found[one[key]] = one end
  return found
end

--- The members of a table that is taken, against the fields of its type.
local function compare(types, param, kind, report)
  local fields = model.fields_of(types, param.type)
  if not fields then return report("%s: its type %s does not say which members it has", param.name, param.type) end
  local annotated, taken = by_name(fields, "name"), by_name(kind.members, 1)
  for _, member in ipairs(kind.members) do
    local field = annotated[member[1]]
    if not field then
      report("%s.%s is taken, and not annotated", param.name, member[1])
    elseif field.optional == (member.required == true) then
      report("%s.%s is %s, and annotated otherwise", param.name, member[1],
        member.required and "required" or "optional")
    end
  end
  for _, field in ipairs(not kind.open and fields or {}) do
    if not taken[field.name] then report("%s.%s is annotated, and not taken", param.name, field.name) end
  end
end

local function check_parameters(types, one, report)
  local params = by_name(one.block.params, "name")
  for i, name in ipairs(one.source and one.source.names or {}) do
    if not params[name] then
      report("@param %s is lacking", name)
    elseif one.block.params[i].name ~= name then
      report("@param %s is not in its place", name)
    end
  end
  for i, argument in ipairs(one.takes or {}) do
    local param = one.block.params[i]
    if not param then
      report("@param %s is lacking", argument[1])
    else
      if param.type ~= "any" and param.optional == (argument.required == true) then
        report("%s is %s, and annotated otherwise", param.name, argument.required and "required" or "optional")
      end
      if argument[2].members then compare(types, param, argument[2], report) end
    end
  end
end

--- Whether anything is given back: `return` with something behind it.
local function gives(body)
  for word in body:gmatch "%f[%w_]return +(%S+)" do
    if word ~= "end" then return true end
  end
end

local function check_results(one, report)
  if #one.block.returns == 0 and one.source and gives(one.source.body) then report("@return is lacking") end
end

--- Whether what goes wrong is told: by a result, or in words.
local function tells_errors(block)
  for i = 2, #block.returns do
    local kind = block.returns[i].type
    if kind:find "cdfworkflow%.Error" or kind:find "^string" then return true end
  end
  local words = table.concat(block.text, " ")
  return words:find "[Rr]aise" or words:find "no error"
end

--- Whether CDF would refuse values that are of the kind.
local function is_refusable(kind)
  if not kind.members then return kind.use ~= nil end
  for _, member in ipairs(kind.members) do
    if is_refusable(member[2]) then return true end
  end
  return false
end

--- Which kinds of errors come is said behind the error.
local function check_kinds(one, report)
  for _, result in ipairs(one.block.returns) do
    if result.type:find "cdfworkflow%.Error%??$" and not result.words:find "%f[%w]kind%f[%W]" then
      report("@return %s does not say of which kind", result.type)
    end
  end
end

--- What talks to CDF, or can be refused, can fail.
local function check_errors(one, report)
  local can_fail = one.name:find "^client" ~= nil
  for _, argument in ipairs(one.takes or {}) do can_fail = can_fail or is_refusable(argument[2]) end
  if can_fail and not tells_errors(one.block) then report("@return cdfworkflow.Error? err is lacking") end
end

local function says_something(text)
  local first = annotations.parts(text)[1]
  return first and first[1] ~= "code"
end

--- An example is Lua, and shows what it stands above.
local function check_example(one, report)
  local code = table.concat(annotations.examples(one.block.text), "\n")
  if code == "" then return report("an example is lacking") end
  local ok, problem = load(code, "=the example")
  if not ok then report("%s", problem) end
  local name = one.name:match "[%w_]+$"
  local own = one.source and one.source.head:match "[%w_]+$" -- where this is an older name
  if not code:find("[.:]" .. name) and not (own and code:find("[.:]" .. own)) then
    report "the example is another's"
  end
end

--- Types of ours that are nowhere.
local function check_types(types, one, report)
  for _, list in ipairs { one.block.params, one.block.returns } do
    for _, item in ipairs(list) do
      for name in item.type:gmatch "cdfworkflow[%w_.]*" do
        if not types.classes[name] and not types.aliases[name] then report("the type %s is nowhere", name) end
      end
    end
  end
end

--- Every complaint, a line each.
---@param read table what `model.read` gives
---@return string[]
return function(read)
  local complaints = {}
  for _, place in ipairs(read.places) do
    for _, one in ipairs(place.functions) do
      local function report(...)
        local where = one.source and ("%s:%d: "):format(one.source.path, one.source.line) or ""
        complaints[#complaints + 1] = where .. one.name .. ": " .. (...):format(select(2, ...))
      end
      if not says_something(one.block.text) then report("nothing says what it does") end
      check_parameters(read.types, one, report)
      check_results(one, report)
      if one.source then check_errors(one, report) end -- not the builders of tasks, whose class says it
      check_kinds(one, report)
      check_types(read.types, one, report)
      check_example(one, report)
    end
  end
  return complaints
end
