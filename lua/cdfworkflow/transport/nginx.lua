-- SPDX-License-Identifier: Apache-2.0
-- The transport inside nginx/OpenResty: libcurl, moved by a timer of the worker between its other work. The worker's
-- loop does not watch foreign descriptors, so while something is under way the timer looks whether it stirs: every
-- millisecond at first, ever more seldom when nothing does.

local Poll = require "cdfworkflow.transport.poll"
local gather = require "cdfworkflow.call.gather"
local mistake = require "cdfworkflow.mistake"

local nginx = {}

--- Phases in which a coroutine of nginx may wait.
local PHASES = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true, preread = true, ssl_cert = true,
  ssl_session_fetch = true, ssl_client_hello = true,
}
local SHORTEST_LOOK = 0.001 -- seconds
--- Answers for each look: what a worker can do with in that time, and no more, for the sake of its other requests.
local BATCH = 4

--- Whether this program runs inside nginx.
function nginx.is_here()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.get_phase) == "function"
end

local function check()
  local phase = ngx.get_phase()
  if PHASES[phase] then return nil end
  return ("nginx's phase %s cannot wait for CDF; make the call in a timer: "
    .. "ngx.timer.at(0, function() client:run(...) end)"):format(phase)
end

local Signal = {}
Signal.__index = Signal

function Signal:wait(seconds) self.semaphore:wait(seconds) end

function Signal:wake() self.semaphore:post(1) end

--- nginx takes a coroutine that it ends off the queue.
function Signal:is_waited_for() return self.semaphore:count() < 0 end

--- Signals at rest. To make a semaphore costs more than to wait for one.
local resting = {}

function Signal:rest()
  if self.semaphore:count() == 0 then resting[#resting + 1] = self end
end

local function signal()
  local one = table.remove(resting)
  return one or setmetatable({ semaphore = assert(require("ngx.semaphore").new(0)) }, Signal)
end

---@param options { max_connections?: integer, ca_file?: string, proxy?: string }
---@return cdfworkflow.transport.Poll
function nginx.new(options)
  return Poll.new({
    check = check,
    -- 0 is a warning in the log, but with OpenResty's own nginx
    wait = function(_, seconds) ngx.sleep(math.max(seconds, SHORTEST_LOOK)) end,
    blind = true,
    batch = BATCH,
    sleep = function(seconds) ngx.sleep(seconds) end,
    signal = signal,
    signals_tell = true,
    spawn = function(fn) return ngx.timer.at(0, fn) end,
  }, options)
end

--- cdf.gather inside nginx: light threads, which nginx runs itself. Where it cannot, the functions run one by one, and
--- their calls say why they cannot be made.
---@param functions function[]
---@param ended fun(i: integer, ok: boolean, a: any, b: any)
function nginx.gather(functions, ended)
  local threads = {}
  for i, fn in ipairs(functions) do
    local function run()
      local co = coroutine.running()
      mistake.begins(co, fn)
      ended(i, pcall(fn))
      mistake.begins(co, nil)
    end
    if check() then run() else threads[#threads + 1] = ngx.thread.spawn(run) end
  end
  for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
end

if nginx.is_here() then gather.of_host = nginx.gather end

return nginx
