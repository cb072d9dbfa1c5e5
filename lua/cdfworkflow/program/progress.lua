-- SPDX-License-Identifier: Apache-2.0
-- What the network is doing, told when it takes long: nobody is to look at a program that hangs in silence.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"

---@class cdfworkflow.program.Trouble
---@field host string
---@field words string
---@field since number
---@field told? number

---@class cdfworkflow.program.Progress
---@field out cdfworkflow.program.Output
---@field pending? { phase: string, host: string, since: number, told?: boolean } the request under way
---@field tried table<string, number> by host: when it was first asked, until it has answered
---@field trouble? cdfworkflow.program.Trouble what went wrong, until something goes well
local Progress = {}
Progress.__index = Progress

local LONG = 2 -- seconds after which is told what takes so long
local AGAIN = 30 -- seconds between two words about the same trouble
local NOT_THERE = 9.5 -- seconds after which a host that has never answered is taken for not there

local WHAT = { token = "a token", session = "a session", call = "an answer", look = "a list of runs" }

---@param out cdfworkflow.program.Output
---@return cdfworkflow.program.Progress
function Progress.new(out) return setmetatable({ out = out, tried = {} }, Progress) end

local function host_of(url) return url:match "^%a+://([^/]+)" or url end

--- What is said of a failure. Those of the first line can mean that nobody is there.
local WORDS = {
  connect = "no connection", resolve = "its name is not found", timeout = "no answer", proxy = "no way by the proxy",
  send = "the connection broke", receive = "the connection broke", tls = "no secure connection",
}
local CAN_BE_ABSENT = { connect = true, resolve = true, timeout = true, proxy = true }

local function words_of(event)
  return event.status and ("answered with %d"):format(event.status) or WORDS[event.failure] or event.failure
end

function Progress:on_request(event)
  local host, now = host_of(event.url), core.now()
  self.tried[host] = self.tried[host] or now
  self.pending = { phase = event.phase, host = host, since = now }
end

function Progress:on_response(event)
  local host = host_of(event.url)
  self.pending = nil
  if self.out.verbose then
    self.out:note(("%s %s: %s, %.2f s"):format(event.method, event.url, event.status or event.failure, event.elapsed))
  end
  if not CAN_BE_ABSENT[event.failure] then self.tried[host] = math.huge end
  if event.status and event.status < 400 then
    self.trouble = nil
  else
    self.trouble = self.trouble or { since = core.now() }
    self.trouble.host, self.trouble.words = host, words_of(event)
  end
end

--- A host that has never answered is most likely a setting that is wrong: nobody is to wait a minute to learn it.
function Progress:give_up_on(trouble, now)
  local waited = now - self.tried[trouble.host]
  if waited < NOT_THERE then return end
  exits.fail(exits.TEMPORARY, ("%s: %s within %.0f s; nothing was started"):format(trouble.host, trouble.words, waited))
end

--- To be called a few times a second while something is waited for.
function Progress:tick()
  local now, pending, trouble = core.now(), self.pending, self.trouble
  if pending and not pending.told and not trouble and now - pending.since > LONG then
    pending.told = true
    self.out:note(("waiting for %s from %s"):format(WHAT[pending.phase] or "an answer", pending.host))
  end
  if not trouble then return end
  self:give_up_on(trouble, now)
  if now - trouble.since > LONG and now - (trouble.told or -AGAIN) >= AGAIN then
    trouble.told = now
    self.out:note(("%s: %s; trying again"):format(trouble.host, trouble.words))
  end
end

return Progress
