-- SPDX-License-Identifier: Apache-2.0
-- What the transport for copas uses of it, in few lines, since Debian's copas (1.1.7) is older than that: threads,
-- pauses, waiting for sockets with a time limit. `COPAS=/its/folder` makes copas_spec.lua try the real one.

local socket = require "socket"

local copas = { _VERSION = "like Copas 4.11" }

local threads = {} -- by coroutine: { due, socket }
local limits = {}

local function resume(co)
  threads[co] = nil
  local ok, err = coroutine.resume(co)
  if not ok then io.stderr:write(debug.traceback(co, tostring(err)), "\n") end
end

local function suspend(seconds, watched)
  threads[coroutine.running()] = { due = socket.gettime() + seconds, socket = watched }
  coroutine.yield()
end

function copas.pause(seconds) suspend(math.max(seconds or 0, 0)) end

function copas.wakeup(co)
  if threads[co] and not threads[co].socket then threads[co].due = 0 end
end

function copas.addthread(fn)
  local co = coroutine.create(function()
    copas.pause(0)
    fn()
  end)
  resume(co)
  return co
end

function copas.settimeouts(watched, _, _, seconds) limits[watched] = seconds end

function copas.receive(watched)
  local limit = socket.gettime() + limits[watched]
  while true do
    local text, err = watched:receive()
    if text or socket.gettime() >= limit then return text, err end
    suspend(math.max(limit - socket.gettime(), 0), watched)
  end
end

local function step()
  local reading, soonest = {}, math.huge
  for _, waits in pairs(threads) do
    soonest = math.min(soonest, waits.due)
    if waits.socket then reading[#reading + 1] = waits.socket end
  end
  local ready = socket.select(reading, nil, math.max(soonest - socket.gettime(), 0))
  local now, awake = socket.gettime(), {}
  for co, waits in pairs(threads) do
    if waits.due <= now or waits.socket and ready[waits.socket] then awake[#awake + 1] = co end
  end
  for _, co in ipairs(awake) do resume(co) end
end

function copas.loop()
  while next(threads) do step() end
end

return copas
