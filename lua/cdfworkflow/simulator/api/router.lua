-- SPDX-License-Identifier: Apache-2.0
-- From a method and a raw request target to an operation: splits path and query, undoes percent-encoding
-- segment by segment (so that %2F stays inside its segment), and walks a tree of path templates.

local sorted_keys = require "cdfworkflow.sorted_keys"

local Router = {}
Router.__index = Router

local M = {}

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

---@param text string
---@return string # with everything but unreserved characters percent-encoded
function M.escape(text)
  return (text:gsub("[^%w%-._~]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

---@param text string? `a=b&c=d`, percent-encoded, with `+` for a space
---@return table<string, string>
function M.form(text)
  local values = {}
  for pair in (text or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    values[unescape((name:gsub("+", " ")))] = unescape((value:gsub("+", " ")))
  end
  return values
end

---@param target string raw path with optional query; a slash at its end makes no difference (Cognite's JavaScript SDK
---  posts to `/files/` and `/sessions/`)
---@return string path still encoded
---@return string[] segments decoded
---@return table<string, string> query decoded
function M.split(target)
  local path, query = target:match("^([^?#]*)%??([^#]*)")
  local segments = {}
  for segment in path:gsub("/$", ""):gmatch("/([^/]*)") do
    segments[#segments + 1] = unescape(segment)
  end
  return path, segments, M.form(query)
end

local function new_node()
  return { literal = {}, operations = {} }
end

---@return table router
function M.new()
  return setmetatable({ root = new_node() }, Router)
end

---@param operation { method: string, path: string } the path may hold `{name}` segments
function Router:add(operation)
  local node, names = self.root, {}
  for segment in operation.path:gmatch("/([^/]*)") do
    local name = segment:match("^{(.*)}$")
    if name then
      names[#names + 1] = name
      node.any = node.any or new_node()
      node = node.any
    else
      node.literal[segment] = node.literal[segment] or new_node()
      node = node.literal[segment]
    end
  end
  node.operations[operation.method] = { operation = operation, names = names }
  node.used = true
end

-- A fixed segment wins over a template's: a workflow called `executions` is hidden by CDF's own route.
local function walk(node, segments, position, values)
  if position > #segments then
    return node.used and node
  end
  local segment = segments[position]
  local fixed = node.literal[segment]
  local found = fixed and walk(fixed, segments, position + 1, values)
  if found or not node.any then
    return found
  end
  values[#values + 1] = segment
  found = walk(node.any, segments, position + 1, values)
  if not found then
    values[#values] = nil
  end
  return found
end

---@param method string
---@param segments string[] decoded
---@return table|nil operation
---@return table<string, string>|string params, or the methods that this path has (nil for an unknown path)
function Router:find(method, segments)
  local values = {}
  local node = walk(self.root, segments, 1, values)
  if not node then
    return nil
  end
  local entry = node.operations[method]
  if not entry then
    return nil, table.concat(sorted_keys(node.operations), ", ")
  end
  local params = {}
  for position, name in ipairs(entry.names) do
    params[name] = values[position]
  end
  return entry.operation, params
end

return M
