-- SPDX-License-Identifier: Apache-2.0
-- The gateway inside HAProxy. A service answers what may have a body; an action answers the rest.

local Memory = require "cdfworkflow.gateway.memory"
local gateway = require "cdfworkflow.gateway"

--- The module: what `require "cdfworkflow.gateway.haproxy"` gives.
---@class cdfworkflow.gateway.haproxy
local haproxy = {}

--- HAProxy gives each header as a list that begins at 0.
local function headers_of(lists)
  local headers = {}
  for name, values in pairs(lists) do headers[name:lower()] = values[1] and values or values[0] end
  return headers
end

--- HAProxy hands a body out in pieces; the last is empty.
local function read_body(applet, limit)
  local parts, length = {}, 0
  repeat
    local part = applet:receive(limit + 1 - length)
    parts[#parts + 1] = part
    length = length + #part
  until part == "" or length > limit
  return length <= limit and table.concat(parts) or nil
end

local function serve(here, applet)
  local answer = here:answer {
    method = applet.method, path = (applet.path or ""):match "^[^?]*", headers = headers_of(applet.headers),
    read_body = function(limit) return read_body(applet, limit) end,
  }
  applet:set_status(answer.status)
  for name, value in pairs(answer.headers) do applet:add_header(name, value) end
  applet:add_header("content-length", tostring(#answer.body))
  applet:start_response()
  applet:send(answer.body)
end

local function act(here, txn)
  local answer = here:answer {
    method = txn.f:method(), path = txn.f:path() or "", headers = headers_of(txn.http:req_get_headers()),
    read_body = function() return "" end,
  }
  local reply = txn:reply { status = answer.status, body = answer.body }
  for name, value in pairs(answer.headers) do reply:add_header(name, value) end
  txn:done(reply)
end

local function log(level, text) core.log(level == "error" and core.err or core.info, text) end

local function spawn(fn)
  core.register_task(fn)
  return true
end

--- Whether this process gives way to another, or ends, once its connections have.
local function is_ending() return tonumber(core.get_info().Stopping) == 1 end

--- For a file that HAProxy loads (`lua-load`): makes the gateway and registers it as the service and the action
--- `lua.cdfworkflow`; or raises with what is missing or wrong, so that HAProxy does not start. What is not in the
--- settings is read from the environment.
---
---     require("cdfworkflow.gateway.haproxy").start { workflows = { ["daily-report"] = "1" } }
---@param settings? cdfworkflow.gateway.Settings
function haproxy.start(settings)
  local here, err = gateway.new(settings or {}, {
    shared = Memory.new(), spawn = spawn, is_ending = is_ending, log = log,
  })
  if not here then error("cdfworkflow.gateway: " .. err.message, 0) end
  core.register_service("cdfworkflow", "http", function(applet) serve(here, applet) end)
  core.register_action("cdfworkflow", { "http-req" }, function(txn) act(here, txn) end)
  core.register_task(function() here:begin() end)
end

return haproxy
