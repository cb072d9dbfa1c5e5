-- SPDX-License-Identifier: Apache-2.0
-- What cdf.lint has found, and the words in which it says so: paths, values in a sentence, lists of names.

local core = require "cdfworkflow.core"

local findings = {}

---@class cdfworkflow.Finding
---@field severity "error"|"warning" error: CDF refuses it, or it cannot run as written
---@field code string what kind of finding it is, such as `unknown-dependency`
---@field path string where in the table, such as `tasks[3].dependsOn[1].externalId`
---@field message string one sentence for a person

function findings.error(report, code, path, message)
  table.insert(report.findings, { severity = "error", code = code, path = path, message = message })
end

function findings.warning(report, code, path, message)
  table.insert(report.findings, { severity = "warning", code = code, path = path, message = message })
end

--- A value in a sentence: short, on one line.
function findings.shown(value)
  if value == core.null then return "null" end
  if type(value) == "table" then return "a table" end
  if type(value) ~= "string" then return tostring(value) end
  if #value > 80 then value = value:sub(1, 80):gsub("[\192-\255]?[\128-\191]*$", "") .. "…" end
  return '"' .. value:gsub("%c", function(c) return ("\\%d"):format(c:byte()) end) .. '"'
end

function findings.at(path, key)
  if type(key) == "number" then return ("%s[%s]"):format(path, key) end
  local name = tostring(key)
  if not name:find("^[%a_][%w_]*$") then return ("%s[%s]"):format(path, findings.shown(name)) end
  return path == "" and name or path .. "." .. name
end

--- The last part of a path: the member that a sentence is about.
function findings.last(path)
  return path:match("[^.]+$") or path
end

function findings.sentence(list, joint)
  if #list == 1 then return list[1] end
  return table.concat(list, ", ", 1, #list - 1) .. " " .. joint .. " " .. list[#list]
end

function findings.code_points(s)
  local _, count = s:gsub("[^\128-\191]", "")
  return count
end

--- Keys in the same order each time: numbers, then the rest by name.
function findings.sorted_keys(t)
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

function findings.is_index(key)
  return type(key) == "number" and key >= 1 and key == math.floor(key) and key < math.huge
end

return findings
