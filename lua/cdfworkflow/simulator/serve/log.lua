-- SPDX-License-Identifier: Apache-2.0
-- What the program says while it serves, on standard error: prose about trouble, or JSON, a line for each request and
-- for each trouble, dated by the simulator's clock. Queries and upload URLs are left out, since they may hold secrets.

local core = require "cdfworkflow.core"

local log = {}

local function moment(ms)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) .. (".%03dZ"):format(ms % 1000)
end

---@class cdfworkflow.simulator.Log
---@field say fun(...: string) tells of trouble
---@field on_request fun(request: table, response: table, seconds: number)|nil for the server

---@return cdfworkflow.simulator.Log
function log.text()
  return {
    say = function(...)
      io.stderr:write("cdfworkflow-sim: ", table.concat({ ... }), "\n")
    end,
  }
end

local function escape(byte)
  return ("%%%02X"):format(byte:byte())
end

-- What is not UTF-8 is told byte by byte, as a path could have been sent.
local function encoded(entry)
  local text = core.encode(entry)
  if text then return text end
  for name, value in pairs(entry) do
    if type(value) == "string" then entry[name] = value:gsub("[\128-\255]", escape) end
  end
  return assert(core.encode(entry))
end

---@param now fun(): integer the simulator's clock in milliseconds
---@return cdfworkflow.simulator.Log
function log.json(now)
  local function write(entry)
    entry.time = moment(now())
    io.stderr:write(encoded(entry), "\n")
  end
  return {
    say = function(...)
      write { level = "error", message = table.concat({ ... }) }
    end,
    on_request = function(request, response, seconds)
      write {
        level = "info", method = request.method, path = request.path:match("^[^?#]*"):gsub("^(/upload/).*", "%1…"),
        operation = response.operation, status = response.status, seconds = math.floor(seconds * 1e6 + 0.5) / 1e6,
      }
    end,
  }
end

return log
