-- SPDX-License-Identifier: Apache-2.0
-- The transport inside HAProxy (actions, services and tasks of its Lua): libcurl, moved by a task. HAProxy has no
-- signals between tasks, so those who wait look every now and then whether their answer is there.

local Poll = require "cdfworkflow.transport.poll"

local haproxy = {}

--- Each look of one who waits is twice as far from the one before, up to so many ms: hundreds may wait at once.
local LONGEST_INTERVAL = 8

--- Whether this program runs inside HAProxy.
function haproxy.is_here()
  local host = rawget(_G, "core")
  return type(host) == "table" and type(host.msleep) == "function" and type(host.register_action) == "function"
end

local function milliseconds(seconds)
  return math.max(math.ceil(seconds * 1000), 1)
end

local function signal(host)
  local woken, interval = false, 1
  return {
    wait = function(_, seconds, idle)
      if not woken then
        host.msleep(math.min(milliseconds(seconds), math.max(interval, milliseconds(idle))))
        interval = math.min(interval * 2, LONGEST_INTERVAL)
      end
      if woken then woken, interval = false, 1 end
    end,
    wake = function() woken = true end,
  }
end

---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function haproxy.new(options)
  local host = rawget(_G, "core")
  return Poll.new({
    wait = function(_, seconds)
      if seconds > 0 then host.msleep(milliseconds(seconds)) else host.yield() end
    end,
    blind = true,
    sleep = function(seconds) host.msleep(milliseconds(seconds)) end,
    signal = function() return signal(host) end,
    spawn = function(fn)
      host.register_task(fn)
      return true
    end,
  }, options)
end

return haproxy
