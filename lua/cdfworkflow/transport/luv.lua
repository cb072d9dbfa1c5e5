-- SPDX-License-Identifier: Apache-2.0
-- The transport for programs on luv (libuv): `cdf.client{ transport = require("cdfworkflow.transport.luv").new() }`.
-- Calls are made inside a coroutine, which the loop resumes.

local Poll = require "cdfworkflow.transport.poll"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"
local settings = require "cdfworkflow.transport.settings"

local adapter = {}

local ADVICE = "with luv, calls are made inside a coroutine: coroutine.wrap(function() client:run(...) end)()"

local function resume(co)
  local ok, err = coroutine.resume(co)
  if not ok then error(debug.traceback(co, tostring(err)), 0) end
end

--- Yields until the time is over, or the function given to `arm` is called. `disarm` is called either way.
local function suspend(uv, seconds, arm, disarm)
  local co, woken = coroutine.running(), false
  local timer = uv.new_timer()
  local function wake()
    if woken then return end
    woken = true
    timer:close()
    disarm()
    resume(co)
  end
  uv.update_time() -- the loop's clock stands still while the program runs
  timer:start(math.ceil(seconds * 1000), 0, wake)
  arm(wake)
  coroutine.yield()
end

local function nothing() end

local function signal(uv)
  local pending, wake_up = false, nil
  return {
    wait = function(_, seconds)
      if not pending then
        suspend(uv, seconds, function(wake) wake_up = wake end, function() wake_up = nil end)
      end
      pending = false
    end,
    wake = function()
      pending = true
      if wake_up then wake_up() end
    end,
  }
end

---@param given? { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
local function new(given)
  local uv = require "luv"
  local poll
  return Poll.new({
    check = Poll.inside_coroutines(ADVICE),
    wait = function(handle, seconds)
      local fd = handle:fd()
      if not fd then return suspend(uv, math.min(seconds, Poll.LOOK_INTERVAL), nothing, nothing) end
      poll = poll or uv.new_poll(fd)
      suspend(uv, seconds, function(wake) poll:start("r", wake) end, function()
        if poll then poll:stop() end
      end)
    end,
    sleep = function(seconds) suspend(uv, seconds, nothing, nothing) end,
    signal = function() return signal(uv) end,
    spawn = function(fn)
      resume(coroutine.create(fn))
      return true
    end,
    close = function()
      if poll then poll:close() end
      poll = nil
    end,
  }, given)
end

adapter.new = method.fn("cdfworkflow.transport.luv.new", { { "options", options.of(settings) } }, new)

return adapter
