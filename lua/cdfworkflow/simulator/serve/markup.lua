-- SPDX-License-Identifier: Apache-2.0
-- HTML from templates that escape whatever is put in, unless the template itself says that it is HTML already.

local router = require "cdfworkflow.simulator.api.router"

local markup = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

---@param value any
---@return string
function markup.escape(value)
  return (tostring(value):gsub("[&<>\"']", ENTITIES))
end

--- Fills a template: `{name}` becomes the value escaped, `{!name}` the value as it is.
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

--- A path of these segments.
---@param ... string
---@return string
function markup.path(...)
  local path = ""
  for _, segment in ipairs { ... } do path = path .. "/" .. router.escape(segment) end
  return path
end

--- A path with a query behind it; members without a value are left out.
---@param path string
---@param members { [1]: string, [2]: any }[] names and values, in order
---@return string
function markup.with_query(path, members)
  local parts = {}
  for _, member in ipairs(members) do
    local name, value = member[1], member[2]
    if value ~= nil and value ~= "" then parts[#parts + 1] = name .. "=" .. router.escape(tostring(value)) end
  end
  return #parts > 0 and path .. "?" .. table.concat(parts, "&") or path
end

--- The first characters of a UTF-8 text, with an ellipsis in the place of the rest.
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
