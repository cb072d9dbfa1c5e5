-- SPDX-License-Identifier: Apache-2.0
-- Rules for the values of a definition. A rule is called with the report, a value and its path, and reports what is
-- wrong with the value.

local core = require "cdfworkflow.core"
local findings = require "cdfworkflow.definition.findings"
local suggest = require "cdfworkflow.suggest"

local report_error, report_warning = findings.error, findings.warning
local shown, at, last, sorted_keys = findings.shown, findings.at, findings.last, findings.sorted_keys
local code_points, is_index, sentence = findings.code_points, findings.is_index, findings.sentence

--- True when the text is one reference and nothing else, so that it becomes the value it refers to.
local function is_reference(value)
  return type(value) == "string" and value:find("^%${[^{}]+}$") ~= nil
end

local function must(report, path, what, value)
  report_error(report, "wrong-type", path, ("%s must be %s, not %s"):format(last(path), what, shown(value)))
end

local function text(most)
  return function(report, value, path)
    if type(value) ~= "string" then return must(report, path, "text", value) end
    if not core.encode(value) then return must(report, path, "valid UTF-8", value) end
    local count = code_points(value)
    if count <= most then return end
    report_error(report, "too-long", path,
      ("%s has %d characters; CDF takes at most %d"):format(last(path), count, most))
  end
end

--- Text that CDF's own API description limits.
local function published_text(most)
  return function(report, value, path)
    if type(value) ~= "string" or is_reference(value) or code_points(value) <= most then return end
    report_warning(report, "too-long", path, ("%s has %d characters; CDF's own API description allows %d")
      :format(last(path), code_points(value), most))
  end
end

local function name_text(report, value, path)
  if type(value) ~= "string" or value == "" then must(report, path, "text that is not empty", value) end
end

local identifier_length = text(255)

local function identifier(report, value, path)
  identifier_length(report, value, path)
  if type(value) ~= "string" then return end
  local flaw = value == "" and "is empty" or value:find("%z") and "holds a NUL character"
    or (value:find("^%s") or value:find("%s$")) and "begins or ends with white space"
  if flaw then report_error(report, "bad-id", path, ("%s %s, which CDF refuses"):format(last(path), flaw)) end
end

local function boolean(report, value, path)
  if type(value) ~= "boolean" then must(report, path, "true or false", value) end
end

local function is_whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

local function whole_number(least, most)
  local what = ("a whole number from %d to %d"):format(least, most)
  return function(report, value, path)
    if type(value) ~= "number" then return must(report, path, what, value) end
    if is_whole(value, least, most) then return end
    report_error(report, "out-of-range", path, ("%s must be %s, not %s"):format(last(path), what, value))
  end
end

local widest_timeout = whole_number(60, 86400)

local function timeout(report, value, path)
  widest_timeout(report, value, path)
  if is_whole(value, 60, 86400) and not is_whole(value, 100, 43200) then
    report_warning(report, "out-of-range", path,
      ("timeout is %d s; CDF's own API description allows 100 to 43200 only"):format(value))
  end
end

local function one_of(choices, reference_too)
  return function(report, value, path)
    for _, choice in ipairs(choices) do
      if value == choice then return end
    end
    if reference_too and is_reference(value) then return end
    report_error(report, "bad-value", path, ("%s must be %s, not %s%s"):format(last(path), sentence(choices, "or"),
      shown(value), suggest.hint(value, choices)))
  end
end

--- A number of milliseconds, or a reference to one.
local function milliseconds(report, value, path)
  if not is_whole(value, 0, 2 ^ 53) and not is_reference(value) then
    must(report, path, "a whole number of milliseconds or one ${…} reference", value)
  end
end

--- A rule that allows null, too.
local function nullable(rule)
  return function(report, value, path)
    if value ~= core.null then rule(report, value, path) end
  end
end

--- All of these rules.
local function all(...)
  local rules = { ... }
  return function(report, value, path)
    for _, rule in ipairs(rules) do rule(report, value, path) end
  end
end

local function any_object(report, value, path)
  local is_list = type(value) == "table" and (#value > 0 or core.is_array(value))
  if is_list or not (type(value) == "table" or is_reference(value)) then
    must(report, path, "an object or one ${…} reference", is_list and "a list" or value)
  end
end

--- At most `most` bytes of JSON.
local function size(most, severity)
  return function(report, value, path)
    local json = type(value) == "table" and core.encode(value)
    if json and #json > most then
      severity(report, "too-long", path,
        ("%s is %d bytes of JSON; the limit is %d KiB"):format(last(path), #json, most / 1024))
    end
  end
end

--- The positions and values of a list, in order; what is no list is reported.
local function entries(report, list, path)
  if type(list) ~= "table" then
    if core.encode(list) ~= "[]" then must(report, path, "a list", list) end
    return {}
  end
  local found, odd = {}, nil
  for _, key in ipairs(sorted_keys(list)) do
    if is_index(key) then
      if key ~= #found + 1 and not odd then odd = ("has nothing at [%d]"):format(#found + 1) end
      found[#found + 1] = { index = key, value = list[key] }
    elseif not odd then
      odd = "has the key " .. shown(key)
    end
  end
  if odd then report_error(report, "wrong-type", path, ("%s must be a list, but %s"):format(last(path), odd)) end
  return found
end

--- Checks each member of an object by its rule; unknown members are only pointed at, since CDF may know them.
---@param rules table<string, function|true> `true` for what is looked at elsewhere
---@param required string[]
local function members(report, value, path, rules, required)
  if type(value) ~= "table" then return must(report, path, "an object", value) end
  for _, name in ipairs(required) do
    if value[name] == nil then
      report_error(report, "missing-member", path, ("%s is missing"):format(name))
    end
  end
  for _, key in ipairs(sorted_keys(value)) do
    local rule = rules[key]
    if rule == nil then
      report_warning(report, "unknown-member", at(path, key),
        ("%s is no known member here%s"):format(shown(key), suggest.hint(key, sorted_keys(rules))))
    elseif rule ~= true then
      rule(report, value[key], at(path, key))
    end
  end
end

return {
  is_reference = is_reference,
  must = must,
  text = text,
  published_text = published_text,
  name_text = name_text,
  identifier = identifier,
  boolean = boolean,
  is_whole = is_whole,
  whole_number = whole_number,
  timeout = timeout,
  one_of = one_of,
  milliseconds = milliseconds,
  nullable = nullable,
  all = all,
  any_object = any_object,
  size = size,
  entries = entries,
  members = members,
}
