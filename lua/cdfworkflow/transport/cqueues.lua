-- SPDX-License-Identifier: Apache-2.0
-- The transport for programs on cqueues: `cdf.client{ transport = require("cdfworkflow.transport.cqueues").new() }`.
-- Calls are made inside coroutines of the controller (`cq:wrap`); elsewhere they block.

local Poll = require "cdfworkflow.transport.poll"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local settings = require "cdfworkflow.transport.settings"

local adapter = {}

---@param given? { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
local function new(given)
  local cqueues = require "cqueues"
  local condition = require "cqueues.condition"
  return Poll.new({
    wait = function(handle, seconds)
      local fd = handle:fd()
      if fd then
        cqueues.poll({ pollfd = fd, events = "r" }, seconds)
      else
        cqueues.sleep(math.min(seconds, Poll.LOOK_INTERVAL))
      end
    end,
    sleep = function(seconds) cqueues.sleep(seconds) end,
    signal = function()
      local changed = condition.new(true)
      return {
        wait = function(_, seconds) cqueues.poll(changed, seconds) end,
        wake = function() changed:signal() end,
      }
    end,
    spawn = function(fn)
      local controller = cqueues.running()
      if controller then controller:wrap(fn) end
      return controller ~= nil
    end,
    close = function(handle)
      local fd = handle:fd()
      if fd then cqueues.cancel(fd) end
    end,
  }, given)
end

adapter.new = method.fn("cdfworkflow.transport.cqueues.new", { { "options", options.of(settings) } }, new)

return adapter
