-- SPDX-License-Identifier: Apache-2.0
-- The transport inside HAProxy (actions, services and tasks of its Lua): libcurl, moved by one of those who wait.
-- HAProxy has no signals between tasks, so the others look every few milliseconds whether their answer is there.

local Poll = require "cdfworkflow.transport.poll"

local haproxy = {}

local LEADER_INTERVAL = 1 -- milliseconds
local WAITER_INTERVAL = 3

--- Whether this program runs inside HAProxy.
function haproxy.is_here()
  local host = rawget(_G, "core")
  return type(host) == "table" and type(host.msleep) == "function" and type(host.register_action) == "function"
end

local function signal(host)
  local woken = false
  return {
    wait = function()
      if not woken then host.msleep(WAITER_INTERVAL) end
      woken = false
    end,
    wake = function() woken = true end,
  }
end

---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function haproxy.new(options)
  local host = rawget(_G, "core")
  return Poll.new({
    wait = function() host.msleep(LEADER_INTERVAL) end,
    sleep = function(seconds) host.msleep(math.max(math.ceil(seconds * 1000), 1)) end,
    signal = function() return signal(host) end,
  }, options)
end

--- cdf.gather inside HAProxy: tasks, which HAProxy runs itself.
---@param functions function[]
---@return table[] outcomes one { ok, a, b } for each function
function haproxy.gather(functions)
  local host = rawget(_G, "core")
  local outcomes, left = {}, #functions
  for i, fn in ipairs(functions) do
    host.register_task(function()
      outcomes[i] = { pcall(fn) }
      left = left - 1
    end)
  end
  while left > 0 do host.msleep(WAITER_INTERVAL) end
  return outcomes
end

return haproxy
