-- SPDX-License-Identifier: Apache-2.0
-- JSON text, indented for reading. Members, numbers and texts stay as they are, byte for byte.

local STEP = "  "

--- The end of the string that begins at `from`.
local function string_end(text, from)
  local at = from
  while true do
    at = text:find('["\\]', at + 1)
    if text:sub(at, at) == '"' then return at end
    at = at + 1
  end
end

--- An empty object or array, one of the signs of JSON, a string, or another value.
local function token_at(text, at)
  if text:sub(at, at) == '"' then return text:sub(at, string_end(text, at)) end
  return text:match("^[%[{][%]}]", at) or text:match("^[%[%]{},:]", at) or text:match('^[^%[%]{},:"]+', at)
end

---@param text string compact JSON, as `core.encode` gives it
---@return string
return function(text)
  local parts, depth, at = {}, 0, 1
  local function line() return "\n" .. STEP:rep(depth) end
  while at <= #text do
    local token = token_at(text, at)
    at = at + #token
    if token == "{" or token == "[" then
      depth = depth + 1
      token = token .. line()
    elseif token == "}" or token == "]" then
      depth = depth - 1
      token = line() .. token
    elseif token == "," then
      token = "," .. line()
    elseif token == ":" then
      token = ": "
    end
    parts[#parts + 1] = token
  end
  return table.concat(parts)
end
