-- SPDX-License-Identifier: Apache-2.0
-- What cdf.lint says of a single value: the rules that task types and definitions are made of, and the words they use.

local core = require "cdfworkflow.core"
local suggest = require "cdfworkflow.suggest"

---@alias cdfworkflow.Rule fun(report: cdfworkflow.lint.Report, value: any, path: string) reports what is wrong

local rules = {}

-- ---------------------------------------------------------------- words and paths

function rules.report_error(report, code, path, message)
  table.insert(report.findings, { severity = "error", code = code, path = path, message = message })
end

function rules.report_warning(report, code, path, message)
  table.insert(report.findings, { severity = "warning", code = code, path = path, message = message })
end

--- A value in a sentence: short, on one line.
function rules.shown(value)
  if value == core.null then return "null" end
  if type(value) == "table" then return "a table" end
  if type(value) ~= "string" then return tostring(value) end
  if #value > 80 then value = value:sub(1, 80):gsub("[\192-\255]?[\128-\191]*$", "") .. "…" end
  return '"' .. value:gsub("%c", function(c) return ("\\%d"):format(c:byte()) end) .. '"'
end

function rules.at(path, key)
  if type(key) == "number" then return ("%s[%s]"):format(path, key) end
  local name = tostring(key)
  if not name:find("^[%a_][%w_]*$") then return ("%s[%s]"):format(path, rules.shown(name)) end
  return path == "" and name or path .. "." .. name
end

--- The last part of a path: the member that a sentence is about.
local function last(path)
  return path:match("[^.]+$") or path
end

function rules.sentence(list, joint)
  if #list == 1 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " " .. joint .. " " .. list[#list]
end

local function code_points(s)
  local _, count = s:gsub("[^\128-\191]", "")
  return count
end

--- Keys in the same order each time: numbers, then the rest by name.
function rules.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    local a_number, b_number = type(a) == "number", type(b) == "number"
    if a_number and b_number then return a < b end
    if a_number ~= b_number then return a_number end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function is_index(key)
  return type(key) == "number" and key >= 1 and key == math.floor(key) and key < math.huge
end

-- ---------------------------------------------------------------- values
-- A rule is called with the report, a value and its path, and reports what is wrong with the value.

--- True when the text is one reference and nothing else, so that it becomes the value it refers to.
function rules.is_reference(value)
  return type(value) == "string" and value:find("^%${[^{}]+}$") ~= nil
end

function rules.must(report, path, what, value)
  rules.report_error(report, "wrong-type", path, ("%s must be %s, not %s"):format(last(path), what, rules.shown(value)))
end

function rules.text(most)
  return function(report, value, path)
    if type(value) ~= "string" then return rules.must(report, path, "text", value) end
    if not core.encode(value) then return rules.must(report, path, "valid UTF-8", value) end
    local count = code_points(value)
    if count <= most then return end
    rules.report_error(report, "too-long", path,
      ("%s has %d characters; CDF takes at most %d"):format(last(path), count, most))
  end
end

--- Text that CDF's own API description limits, while definitions in use go beyond (CDF.md section 20).
function rules.published_text(most)
  return function(report, value, path)
    if type(value) ~= "string" then
      rules.report_warning(report, "wrong-type", path,
        ("%s must be text, not %s"):format(last(path), rules.shown(value)))
    elseif not rules.is_reference(value) and code_points(value) > most then
      rules.report_warning(report, "too-long", path, ("%s has %d characters; CDF's own API description allows %d")
        :format(last(path), code_points(value), most))
    end
  end
end

function rules.name_text(report, value, path)
  if type(value) ~= "string" or value == "" then rules.must(report, path, "text that is not empty", value) end
end

local identifier_length = rules.text(255)

function rules.identifier(report, value, path)
  identifier_length(report, value, path)
  if type(value) ~= "string" then return end
  local flaw = value == "" and "is empty" or value:find("%z") and "holds a NUL character"
    or (value:find("^%s") or value:find("%s$")) and "begins or ends with white space"
  if flaw then rules.report_error(report, "bad-id", path, ("%s %s, which CDF refuses"):format(last(path), flaw)) end
end

function rules.boolean(report, value, path)
  if type(value) ~= "boolean" then rules.must(report, path, "true or false", value) end
end

function rules.is_whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

function rules.whole_number(least, most)
  local what = ("a whole number from %d to %d"):format(least, most)
  return function(report, value, path)
    if type(value) ~= "number" then return rules.must(report, path, what, value) end
    if rules.is_whole(value, least, most) then return end
    rules.report_error(report, "out-of-range", path, ("%s must be %s, not %s"):format(last(path), what, value))
  end
end

local widest_timeout = rules.whole_number(60, 86400)

function rules.timeout(report, value, path)
  widest_timeout(report, value, path)
  if rules.is_whole(value, 60, 86400) and not rules.is_whole(value, 100, 43200) then
    rules.report_warning(report, "out-of-range", path,
      ("timeout is %d s; CDF's own API description allows 100 to 43200 only"):format(value))
  end
end

function rules.one_of(choices, reference_too)
  return function(report, value, path)
    for _, choice in ipairs(choices) do
      if value == choice then return end
    end
    if reference_too and rules.is_reference(value) then return end
    rules.report_error(report, "bad-value", path, ("%s must be %s, not %s%s"):format(last(path),
      rules.sentence(choices, "or"), rules.shown(value), suggest.hint(value, choices)))
  end
end

--- A number of milliseconds, or a reference to one.
function rules.milliseconds(report, value, path)
  if not rules.is_whole(value, 0, 2 ^ 53) and not rules.is_reference(value) then
    rules.must(report, path, "a whole number of milliseconds or one ${…} reference", value)
  end
end

--- An object of at most `most` bytes of JSON, or a reference to one.
function rules.object(most, severity)
  return function(report, value, path)
    local is_list = type(value) == "table" and (#value > 0 or core.is_array(value))
    if is_list or not (type(value) == "table" or rules.is_reference(value)) then
      return rules.must(report, path, "an object or one ${…} reference", is_list and "a list" or value)
    end
    local json = most and core.encode(value)
    if json and #json > most then
      severity(report, "too-long", path,
        ("%s is %d bytes of JSON; the limit is %d KiB"):format(last(path), #json, most / 1024))
    end
  end
end

--- The rule, and null.
function rules.nullable(rule)
  return function(report, value, path)
    if value ~= core.null then rule(report, value, path) end
  end
end

--- One rule after the other, up to the first that finds something.
function rules.all(...)
  local list = { ... }
  return function(report, value, path)
    local before = #report.findings
    for _, rule in ipairs(list) do
      if #report.findings == before then rule(report, value, path) end
    end
  end
end

--- At most so many members, each by the rule; what is no object is for another rule to report.
function rules.texts(most, rule, severity)
  return function(report, value, path)
    if type(value) ~= "table" then return end
    local names = rules.sorted_keys(value)
    if #names > most then
      severity(report, "too-many", path,
        ("%s has %d members; CDF's own API description allows %d"):format(last(path), #names, most))
    end
    for _, name in ipairs(names) do rule(report, value[name], rules.at(path, name)) end
  end
end

--- The positions and values of a list, in order; what is no list is reported.
function rules.entries(report, list, path)
  if type(list) ~= "table" then
    if core.encode(list) ~= "[]" then rules.must(report, path, "a list", list) end
    return {}
  end
  local found, odd = {}, nil
  for _, key in ipairs(rules.sorted_keys(list)) do
    if is_index(key) then
      if key ~= #found + 1 and not odd then odd = ("has nothing at [%d]"):format(#found + 1) end
      found[#found + 1] = { index = key, value = list[key] }
    elseif not odd then
      odd = "has the key " .. rules.shown(key)
    end
  end
  if odd then rules.report_error(report, "wrong-type", path, ("%s must be a list, but %s"):format(last(path), odd)) end
  return found
end

--- Checks each member of an object by its rule; unknown members are only pointed at, since CDF may know them.
---@param known table<string, cdfworkflow.Rule|true> `true` for what is looked at elsewhere
---@param required string[]
function rules.members(report, value, path, known, required)
  if type(value) ~= "table" then return rules.must(report, path, "an object", value) end
  for _, name in ipairs(required) do
    if value[name] == nil then
      rules.report_error(report, "missing-member", path, ("%s is missing"):format(name))
    end
  end
  for _, key in ipairs(rules.sorted_keys(value)) do
    local rule = known[key]
    if rule == nil then
      rules.report_warning(report, "unknown-member", rules.at(path, key),
        ("%s is no known member here%s"):format(rules.shown(key), suggest.hint(key, rules.sorted_keys(known))))
    elseif rule ~= true then
      rule(report, value[key], rules.at(path, key))
    end
  end
end

return rules
