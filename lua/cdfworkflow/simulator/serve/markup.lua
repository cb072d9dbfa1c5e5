-- SPDX-License-Identifier: Apache-2.0
-- HTML from templates that escape whatever is put in, unless the template itself says that it is HTML already.

local markup = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

---@param value any
---@return string
function markup.escape(value)
  return (tostring(value):gsub("[&<>\"']", ENTITIES))
end

---Fills a template: `{name}` becomes the value escaped, `{!name}` the value as it is.
---@param template string
---@param values table<string, any>
---@return string
function markup.fill(template, values)
  return (template:gsub("{(!?)([%a_]+)}", function(raw, name)
    local value = values[name]
    if value == nil then error("the template has no value for " .. name, 2) end
    return raw == "!" and value or markup.escape(value)
  end))
end

---A text as one path segment.
---@param text string
---@return string
function markup.segment(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

---@param segment string
---@return string
function markup.unescape(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

---The first characters of a UTF-8 text, with an ellipsis in the place of the rest.
---@param text string
---@param most integer
---@return string
function markup.cut(text, most)
  local n, last = 0, 0
  for start, stop in text:gmatch("()[^\128-\191][\128-\191]*()") do
    n = n + 1
    if n == most and stop <= #text then return text:sub(1, start - 1) .. "…" end
    last = stop - 1
  end
  return text:sub(1, last)
end

return markup
