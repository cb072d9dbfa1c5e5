-- SPDX-License-Identifier: Apache-2.0
-- `{{ name }}` in the text of a file, filled in as the CDF Toolkit does, but that numbers can be given where one is
-- meant, and parts of a text.

local NAME = "{{%s*([%w_.-]+)%s*}}"
local PLACE = "()(['\"]?)" .. NAME .. "(['\"]?)()"
local AROUND = 80 -- bytes that are looked at before and behind a place
local NUMBERS = {
  retries = true, timeout = true, maxConcurrentExecutions = true, batchSize = true, batchTimeout = true,
  requestTimeoutInMillis = true, runTime = true,
}

--- Whether what stands between is a value of its own, not a part of a text.
local function is_whole(ahead, behind)
  local begins = ahead:find ":%s+$" or ahead:find "['\"]:$" or ahead:find "[%[{,]%s*$" or ahead:find "\n[%s-]*$"
  return begins and behind:find "^[ \t]*[,%]}#\r\n]"
end

--- What YAML would take for a number, or for a key, is put in quotes, as by the Toolkit; but not as a part of a text,
--- nor where a number is meant.
local function needs_quotes(value, ahead, behind)
  local is_odd = value:find "^%d+$" or value:find ":$"
  return is_odd and is_whole(ahead, behind) and not NUMBERS[ahead:match "(%a+)['\"]?:%s*$" or ""]
end

--- A value where `{{ name }}` stood, with the quotes around it.
local function placed(value, ahead, before, after, behind)
  if before == after and needs_quotes(value, ahead, behind) then return '"' .. value .. '"' end
  return before .. value .. after
end

--- The names that are left in a text, each once.
local function left_in(text)
  local left, seen = {}, {}
  for name in text:gmatch(NAME) do
    if not seen[name] then left[#left + 1] = name end
    seen[name] = true
  end
  return left
end

--- The text with the values filled in.
---@param text string
---@param values table<string, string>
---@param lenient? boolean a name for which there is no value stands for itself
---@return string filled
---@return string[] left the names for which there is none
return function(text, values, lenient)
  local around = "\n" .. text .. "\n"
  local filled = text:gsub(PLACE, function(first, before, name, after, last)
    local value = values[name] or lenient and name
    if not value then return nil end
    local ahead, behind = around:sub(math.max(first - AROUND, 1), first), around:sub(last + 1, last + AROUND)
    return placed(value, ahead, before, after, behind)
  end)
  return filled, left_in(filled)
end
