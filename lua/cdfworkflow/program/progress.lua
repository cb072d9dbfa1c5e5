-- SPDX-License-Identifier: Apache-2.0
-- What the network is doing, told when it takes long: nobody is to look at a program that hangs in silence.

local core = require "cdfworkflow.core"

---@class cdfworkflow.program.Trouble
---@field host string
---@field words string
---@field since number
---@field told? number

---@class cdfworkflow.program.Progress
---@field out cdfworkflow.program.Output
---@field pending? { phase: string, host: string, since: number, told?: boolean } the request under way
---@field trouble? cdfworkflow.program.Trouble what went wrong, until something goes well
local Progress = {}
Progress.__index = Progress

local LONG = 2 -- seconds after which is told what takes so long
local AGAIN = 30 -- seconds between two words about the same trouble

local WHAT = { token = "a token", session = "a session", call = "an answer", look = "a list of runs" }

---@param out cdfworkflow.program.Output
---@return cdfworkflow.program.Progress
function Progress.new(out) return setmetatable({ out = out }, Progress) end

local function host_of(url) return url:match "^%a+://([^/]+)" or url end

--- What is said of a failure.
local WORDS = {
  connect = "no connection", resolve = "its name is not found", timeout = "no answer", proxy = "no way by the proxy",
  send = "the connection broke", receive = "the connection broke", tls = "no secure connection",
}

local function words_of(event)
  if event.status then return ("answered with %d"):format(event.status) end
  local words = WORDS[event.failure] or event.failure
  return event.proxy and ("%s by way of the proxy %s"):format(words, event.proxy) or words
end

function Progress:on_request(event)
  self.pending = { phase = event.phase, host = host_of(event.url), since = core.now() }
end

function Progress:on_response(event)
  local host = host_of(event.url)
  self.pending = nil
  if self.out.verbose then
    self.out:note(("%s %s: %s, %.2f s"):format(event.method, event.url, event.status or event.failure, event.elapsed))
  end
  if event.status and event.status < 400 then
    self.trouble = nil
  else
    self.trouble = self.trouble or { since = core.now() }
    self.trouble.host, self.trouble.words = host, words_of(event)
  end
end

--- To be called a few times a second while something is waited for.
function Progress:tick()
  local now, pending, trouble = core.now(), self.pending, self.trouble
  if pending and not pending.told and not trouble and now - pending.since > LONG then
    pending.told = true
    self.out:note(("waiting for %s from %s"):format(WHAT[pending.phase] or "an answer", pending.host))
  end
  if not trouble then return end
  if now - trouble.since > LONG and now - (trouble.told or -AGAIN) >= AGAIN then
    trouble.told = now
    self.out:note(("%s: %s; trying again"):format(trouble.host, trouble.words))
  end
end

return Progress
