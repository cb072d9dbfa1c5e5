-- SPDX-License-Identifier: Apache-2.0
-- What a value must be: the kinds that the tables of methods name (options.lua). What is no value of its kind is a
-- mistake of the program; what CDF would refuse gives `nil, err`, with `err.field` and `err.limit`.

local core = require "cdfworkflow.core"

local check = {}

--- `nil, err` for a value that CDF would refuse.
---@param field string the option or member, as the user knows it; a path
---@param message string one line that begins with it
---@param limit number|string the figure that was passed, or the rule in words
---@return nil, cdfworkflow.Error err kind "invalid"
function check.invalid(field, message, limit)
  return nil, core.error { kind = "invalid", field = field, limit = limit, message = message }
end

local function is(lua_type)
  return function(value) return type(value) == lua_type end
end

-- {==== Values as Lua has them ====

check.any = { word = "a value", accepts = function() return true end }
check.string = { word = "a string", accepts = is "string" }
check.boolean = { word = "true or false", accepts = is "boolean" }
check.number = { word = "a number", accepts = is "number" }
check.fn = { word = "a function", accepts = is "function" }
check.list = {
  word = "a list",
  accepts = function(value) return type(value) == "table" and (#value > 0 or next(value) == nil) end,
}

--- Whether it is a list of values of that Lua type.
function check.is_list_of(value, lua_type)
  if not check.list.accepts(value) then return false end
  for _, item in ipairs(value) do
    if type(item) ~= lua_type then return false end
  end
  return true
end

--- A table of values by text.
---@param word string
---@param is_fine fun(value: any): boolean?
function check.map(word, is_fine)
  return {
    word = word,
    accepts = function(value)
      if type(value) ~= "table" then return false end
      for name, member in pairs(value) do
        if type(name) ~= "string" or not is_fine(member) then return false end
      end
      return true
    end,
  }
end

--- A JSON object, as C writes it.
check.object = { word = "a table", accepts = is "table" }

--- The same where the user's own data stands: also as JSON text.
check.json_object = {
  word = "a table, or what cdf.json gives",
  accepts = function(value) return type(value) == "table" or core.is_raw_json(value) end,
}

local function in_words(choices)
  local quoted = {}
  for i, choice in ipairs(choices) do quoted[i] = ("%q"):format(choice) end
  return table.concat(quoted, ", ", 1, #quoted - 1) .. " or " .. quoted[#quoted]
end

local function is_one_of(choices)
  local known = {}
  for _, choice in ipairs(choices) do known[choice] = true end
  return function(value) return known[value] == true end
end

--- One of this library's own words.
---@param choices string[]
function check.choice(choices)
  return { word = in_words(choices), accepts = is_one_of(choices), choices = choices }
end

--- One of CDF's words.
---@param choices string[]
function check.word(choices)
  local is_word, words = is_one_of(choices), in_words(choices)
  return {
    word = "a string", accepts = is "string", choices = choices,
    use = function(value, path)
      if is_word(value) then return value end
      return check.invalid(path, ("%s must be %s, got %q"):format(path, words, value:sub(1, 60)), words)
    end,
  }
end

local function number(what, least, most, is_fine)
  local range = most == math.huge and "of at least %g" or "from %g to %.0f"
  return {
    word = what .. " " .. range:format(least, most), least = least, most = most,
    accepts = function(value)
      return type(value) == "number" and value >= least and value <= most and is_fine(value)
    end,
  }
end

--- A figure of this library's own.
function check.whole(least, most)
  return number("a whole number", least, most, function(value) return value % 1 == 0 end)
end

--- A time of this library's own.
function check.seconds(least, most)
  return number("a number of seconds", least, most, function() return true end)
end

--- What one call may take.
check.timeout = check.seconds(0.001, 604800)
--- How often to look, and how long to wait for something that may never come.
check.interval = check.seconds(0.001, math.huge)
check.patience = check.seconds(0, math.huge)

-- }====

-- {==== Values with limits of CDF's ====

--- Code points of UTF-8 text.
local function characters(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- Text of so many characters.
---@param most number
---@param least? 0|1
function check.text(most, least)
  return {
    word = "a string", accepts = is "string", most = most, least = least,
    use = function(value, path)
      if value == "" and least == 1 then return check.invalid(path, path .. " is empty", 1) end
      if characters(value) <= most then return value end
      return check.invalid(path, ("%s is longer than %d characters"):format(path, most), most)
    end,
  }
end

--- A whole number, or null where that stands for none of one's own.
---@param least number
---@param most number
function check.whole_or_null(least, most)
  return {
    word = "a number, or cdf.null", least = least, most = most,
    accepts = function(value) return type(value) == "number" or value == core.null end,
    use = function(value, path)
      if value == core.null or value >= least and value <= most and value % 1 == 0 then return value end
      return check.invalid(path, ("%s must be a whole number from %d to %d, or null, got %s"):format(path, least,
        most, tostring(value)), value < least and least or most)
    end,
  }
end

--- How many items of a list are wanted; `math.huge` for all.
check.limit = {
  word = "a number", accepts = is "number", least = 1,
  use = function(value, path)
    if value == math.huge then return value end
    if value >= 1 and value % 1 == 0 then return math.floor(value) end
    return check.invalid(path, ("%s must be a whole number above 0, got %s"):format(path, tostring(value)), 1)
  end,
}

--- A table of text by text, such as metadata. The rules stand in C, which goes by them for a run too.
---@param most integer pairs
---@param longest_key number characters
---@param longest_value number characters
---@param key_rule? { pattern: string, words: string } what else a key must be
function check.pairs(most, longest_key, longest_value, key_rule)
  return {
    word = "a table", accepts = is "table", most = most,
    use = function(value, path)
      local fine, err = core.check_pairs(path, value, most, longest_key, longest_value)
      if not fine then return nil, err end
      for key in pairs(key_rule and value or {}) do
        if not key:find(key_rule.pattern) then
          return check.invalid(path, ("%s: the name %s must be %s"):format(path, key, key_rule.words), key_rule.words)
        end
      end
      return value
    end,
  }
end

--- Of a run, and of the trigger that starts runs (CDF.md section 4).
check.metadata = check.pairs(10, 32, 255)

-- }====

-- {==== Names of resources ====

--- Whether a number is a whole one that Lua holds exactly.
local function is_exact(value)
  if math.type and math.type(value) == "integer" then return true end -- luacheck: ignore 143
  return value % 1 == 0 and value >= -2 ^ 53 and value <= 2 ^ 53
end

local function is_name(value)
  return type(value) == "string" or type(value) == "number" and is_exact(value)
end

--- What stands for a resource: its name; or, where there is a `member`, a table that has the name there, CDF's own or
--- the one of `client:schedule`, which holds CDF's.
local function name_kind(word, is_fine, member, use)
  local function name_of(value)
    if member and type(value) == "table" then
      value = (type(value.resource) == "table" and value.resource or value)[member]
    end
    return is_fine(value) and value or nil
  end
  return {
    word = word, accepts = member and function(value) return name_of(value) ~= nil end or is_fine,
    use = use and function(value, path) return use(name_of(value), path) end,
  }
end

local NAME = "a string or a whole number"

local function encoded(value, path) return core.segment(path, value) end

--- An external id or a version (CDF.md section 4), for C to look at.
check.name = name_kind(NAME, is_name)

--- The same as text that goes into a body.
check.identifier = name_kind(NAME, is_name, nil, function(value, path) return core.identifier(path, value) end)

--- The same as a segment of a path, percent-encoded.
check.segment = name_kind(NAME, is_name, nil, encoded)

local HEX4 = ("%x"):rep(4)
local UUID = "^" .. HEX4 .. HEX4 .. ("%-" .. HEX4):rep(3) .. "%-" .. HEX4 .. HEX4 .. HEX4 .. "$"

local function uuid(value, path)
  if value:find(UUID) then return value end
  return check.invalid(path, ("%s must be a UUID of 36 characters, got %q"):format(path, value:sub(1, 60)), 36)
end

check.execution = name_kind("an execution or its id", is "string", "id", uuid)
check.task = name_kind("a task execution or its id", is "string", "id", uuid)

local MOST_ID = 9007199254740991

--- The id of a session, function, call or schedule: a whole number from 1 to 2^53 - 1.
function check.is_id(value)
  return type(value) == "number" and value >= 1 and value <= MOST_ID and value % 1 == 0
end

local function id(value, path)
  if check.is_id(value) then return value end
  return check.invalid(path, ("%s must be a whole number from 1 to 2^53 - 1, got %s"):format(path, tostring(value)),
    MOST_ID)
end

--- A resource with a number for a name.
---@param noun string "a session"
function check.id(noun) return name_kind(noun .. " or its id, a number", is "number", "id", id) end

local NO_TRIGGER = "the schedule %s is a function on a schedule and no trigger: CDF cannot pause it and keeps no "
  .. "history of it; client:unschedule removes it"

local function is_function_schedule(value) return type(value) == "table" and value.via == "function" end

--- A trigger, or a schedule that is one.
local function trigger(use)
  local kind = name_kind("a trigger, a schedule or the external id", is_name, "externalId", use)
  return {
    word = kind.word, accepts = function(value) return kind.accepts(value) or is_function_schedule(value) end,
    use = function(value, path)
      if not is_function_schedule(value) then return kind.use(value, path) end
      return check.invalid(path, NO_TRIGGER:format(tostring(value.name)), 'via = "trigger"')
    end,
  }
end

--- As text that goes into a body, and as a segment of a path.
check.trigger = trigger(function(value, path) return core.identifier(path, value) end)
check.trigger_segment = trigger(encoded)

--- A function, by its external id (text) or its id (a number), as CDF takes either.
check.function_name = {
  word = "a function's external id, a string, or its id, a number",
  accepts = function(value) return type(value) == "string" or type(value) == "number" end,
  use = function(value, path)
    if type(value) == "string" then
      local text, err = check.text(255, 1).use(value, path)
      return text and { externalId = text }, err
    end
    local number_id, err = id(value, path)
    return number_id and { id = number_id }, err
  end,
}

-- }====

-- {==== Credentials ====

check.credentials = {
  word = "what cdf.credentials{…} returns", accepts = function(value) return core.credentials_kind(value) ~= nil end,
}

--- Of a session: credentials that have a client secret, or a table with it.
check.client_credentials = {
  word = "credentials with a client_id and a client_secret, or a table with these two",
  accepts = function(value)
    if type(value) ~= "table" then return core.credentials_kind(value) == "client credentials" end
    return type(value.client_id) == "string" and type(value.client_secret) == "string"
  end,
}

-- }====

--- A whole number as it is written out, exactly.
---@param value integer|number
---@return string
function check.digits(value)
  local is_integer = math.type and math.type(value) == "integer" -- luacheck: ignore 143
  return (is_integer and "%d" or "%.0f"):format(value)
end

--- Whether the value can be written as JSON, before anything is sent.
---@return any|nil value, cdfworkflow.Error? err
function check.json(value, path)
  local text, message, field, rule = core.encode(value, path)
  if not text then return check.invalid(field, message, tonumber(rule) or rule) end
  return value
end

return check
