-- SPDX-License-Identifier: Apache-2.0
-- The transport for programs on copas, from 4.4 on:
-- `cdf.client{ transport = require("cdfworkflow.transport.copas").new() }`. Calls are made inside its threads.

local Poll = require "cdfworkflow.transport.poll"
local method = require "cdfworkflow.method"
local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"
local settings = require "cdfworkflow.transport.settings"

local adapter = {}

local ADVICE = "with copas, calls are made inside its threads: copas.addthread(function() client:run(...) end)"

--- The handle as a socket to copas, which waits for sockets only: there is something to read when it stirs.
local function socket_of(handle)
  local looks = 0
  local socket = {}
  function socket.getfd() return socket.is_closed and -1 or handle:fd() end
  function socket.dirty() return false end
  function socket.receive()
    looks = 1 - looks
    if looks == 1 then return nil, "timeout" end
    return ""
  end
  return socket
end

local function signal(copas)
  local pending, waiter = false, nil
  return {
    wait = function(_, seconds)
      if not pending then
        waiter = coroutine.running()
        copas.pause(seconds)
        waiter = nil
      end
      pending = false
    end,
    wake = function()
      pending = true
      if waiter then copas.wakeup(waiter) end
    end,
  }
end

---@param given? { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
local function new(given)
  local copas = require "copas"
  if not copas.pause then mistake.raise(("copas 4.4 or newer is needed, not %s"):format(copas._VERSION)) end
  local socket
  return Poll.new({
    check = Poll.inside_coroutines(ADVICE),
    wait = function(handle, seconds)
      if not handle:fd() then return copas.pause(math.min(seconds, Poll.LOOK_INTERVAL)) end
      socket = socket or socket_of(handle)
      copas.settimeouts(socket, nil, nil, seconds)
      copas.receive(socket)
    end,
    sleep = function(seconds) copas.pause(seconds) end,
    signal = function() return signal(copas) end,
    spawn = function(fn)
      copas.addthread(fn)
      return true
    end,
    close = function()
      if socket then socket.is_closed = true end
    end,
  }, given)
end

adapter.new = method.fn("cdfworkflow.transport.copas.new", { { "options", options.of(settings) } }, new)

return adapter
