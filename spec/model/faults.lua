-- SPDX-License-Identifier: Apache-2.0
-- What can happen to a request between a client and CDF, and to the clocks. A fault takes the request's place in the
-- world: it decides whether and when CDF hears of it, and gives what the client hears.

local cdf = require "model.cdf"

local faults = {}

--- What a process that is killed raises, so that nothing of it goes on.
faults.KILLED = setmetatable({}, { __tostring = function() return "killed" end })

local GROUPS = {
  run = "effect", retry = "effect", upsert = "effect", schedule = "effect", unschedule = "effect",
  session = "session", revoke = "revoke", token = "token",
  list = "read", read = "read", triggers = "read", functions = "read", schedules = "read", data = "read",
  schedules_by_id = "read",
}

-- {==== What a client hears ====

local function lost() return { failure = "receive", sent = true, message = "the connection was reset" } end

--- The answer has begun, and cannot be read to its end.
local function broken(failure)
  return function() return { failure = failure, sent = true, status = 202, headers = {}, message = "broken off" } end
end

local function unsent(failure)
  return function() return { failure = failure, sent = false, message = "nothing was sent" } end
end

local function refused() return { failure = "connect", sent = false, message = "connection refused" } end

local function silence(world, request)
  world:pass(request.timeout)
  return { failure = "timeout", sent = true, message = "no answer" }
end

local function page(status, text)
  return { status = status, headers = { ["content-type"] = "text/html", server = "envoy" },
    body = text or ("<html><body>%d</body></html>"):format(status) }
end

local function with(response, name, value)
  response.headers[name] = value
  return response
end

-- }====

-- {==== How they are made: `before` CDF hears of it, or `after` it was carried out ====

local function before(hear)
  return function(world, request) return hear(world, request) end
end

local function after(hear)
  return function(world, request, kind)
    world:carry_out(kind, request)
    return hear(world, request)
  end
end

local function later(seconds, hear)
  return function(world, request, kind)
    world:hold_up(seconds, kind, request)
    return hear(world, request)
  end
end

local function slow(seconds)
  return function(world, request, kind)
    if seconds >= request.timeout then
      world:carry_out(kind, request)
      return silence(world, request)
    end
    local response = world:carry_out(kind, request)
    world:pass(seconds)
    return response
  end
end

local function outage(seconds)
  return function(world)
    world:go_down(seconds)
    return refused()
  end
end

local function says(status, text) return function() return page(status, text) end end

local function own(status, message) return function() return cdf.refusal(status, message) end end

local function waits(seconds, hear)
  return function(world, ...)
    world:trouble_until(world.time + seconds)
    return with(hear(world, ...), "retry-after", tostring(seconds))
  end
end

local function spent(world, request)
  world.cdf:spend(request.body:match '"nonce":"([^"]*)"')
  return cdf.refusal(503, "Service unavailable")
end

local function denied(world)
  world.cdf:deny()
  return cdf.refusal(401, "Unauthorized")
end

local ALIEN = '{"id":"ffffffff-0000-4000-8000-ffffffffffff","workflowExternalId":"another","version":"9",'
  .. '"status":"RUNNING","engineExecutionId":"x","createdTime":1767225600000,"metadata":{}}'

local function kill() error(faults.KILLED, 0) end

--- A page of the list that holds nothing but has a successor (CDF.md section 13).
local function two_pages(world, request, kind)
  if request.body:find('"cursor"', 1, true) then return world:carry_out(kind, request) end
  return { status = 200, headers = {}, body = '{"items":[],"nextCursor":"c"}' }
end

-- }====

local UPSTREAM = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"

--- name → { what it can happen to, what happens, `small`: what it happens to in the small alphabet, which is for deep
--- searches: there, what only takes time or comes to the same as another is left out }. `doubt`: the answer
--- leaves open what became of the request although it looks like a success.
local TABLE = {
  refused = { "effect session read token revoke", before(refused), small = "effect session token" },
  lost_before = { "effect session read token revoke", before(lost), small = "effect" },
  lost_after = { "effect session revoke", after(lost), small = "effect session" },
  silent_before = { "effect session read token revoke", before(silence), small = "effect session read early token" },
  silent_after = { "effect session", after(silence) },
  late20 = { "effect", later(20, lost), small = "effect" },
  late65 = { "effect", later(65, silence), small = "effect" },
  slow = { "effect session read token", slow(25), small = "effect session read" },
  outage12 = { "effect session read token revoke", outage(12) },
  outage55 = { "effect session read token revoke", outage(55), small = "effect" },
  page503_before = { "effect session read token revoke", before(says(503, "no healthy upstream")) },
  page503_after = { "effect session", after(says(503, UPSTREAM)), small = "effect" },
  page502_before = { "effect session read token", before(says(502)), small = "read" },
  page502_after = { "effect session", after(says(502)) },
  page504_after = { "effect", after(says(504)) },
  page408_after = { "effect session", after(says(408)), small = "effect" },
  page499_after = { "effect", after(says(499)) },
  page500_before = { "effect session read token", before(says(500)) },
  page500_after = { "effect", after(says(500)) },
  page520_after = { "effect session", after(says(520)) },
  page524_after = { "effect", after(says(524)) },
  page302 = { "effect session read token", before(says(302)) },
  page400 = { "effect session read", before(says(400)) },
  page403 = { "effect session read token", before(says(403)), small = "effect" },
  page404 = { "effect session read", before(says(404)) },
  own503 = { "effect session read revoke", before(own(503, "Service unavailable")), small = "effect session" },
  own503_wait = { "effect session read", waits(12, own(503, "Service unavailable")) },
  own503_spent = { "run retry", spent, small = "run retry" },
  own500_before = { "effect session read", before(own(500, "Internal server error")) },
  own500_after = { "effect", after(own(500, "Internal server error")), small = "effect" },
  own429 = { "effect session read", waits(5, own(429, "Too many requests")), small = "effect read" },
  own400 = { "effect session read token", before(own(400, "Bad request")) },
  own403 = { "effect session read", before(own(403, "Forbidden")), small = "effect session read early" },
  marked = { "effect session read", before(function()
    return with(cdf.refusal(500, "Try again"), "cdf-is-auto-retryable", "true")
  end) },
  denied = { "effect session read", denied, small = "effect read" },
  torn_after = { "effect session", after(says(202, '{"id":"0000')), small = "effect", doubt = true },
  empty_after = { "effect session read", after(says(202, "")), doubt = true },
  portal = { "effect session read token", before(says(200)), doubt = true },
  alien_after = { "run retry", after(says(202, ALIEN)), doubt = true },
  cut_after = { "effect session", after(broken "receive") },
  garbled_after = { "effect session", after(broken "protocol") },
  huge_after = { "effect", after(broken "too_large") },
  goaway = { "effect session read", before(unsent "receive") }, -- a stream that was refused
  tls = { "effect session read token", before(unsent "tls") },
  pages = { "list", two_pages },
  kill_before = { "effect session read token", before(kill), small = "effect session read", mortal = true },
  kill_after = { "effect session", after(kill), small = "effect session", mortal = true },
  kill_late = { "effect", later(20, kill), mortal = true },
  ["date+"] = { "clock", function(world) world.date_skew = 900 end, small = "clock" },
  ["date-"] = { "clock", function(world) world.date_skew = -900 end },
  ["clock+"] = { "clock", function(world) world.clock_skew = 900 end },
  ["clock-"] = { "clock", function(world) world.clock_skew = -900 end, small = "clock" },
}

-- In the small alphabet, what is read before anything is done, and not looked for later.
local EARLY = { functions = "early", data = "early" }

local by_kind = { full = {}, small = {} }

local function add(alphabet, kind, name)
  alphabet[kind] = alphabet[kind] or {}
  table.insert(alphabet[kind], name)
end

local function happens_to(where, kind, group)
  where = " " .. where .. " "
  return where:find(" " .. kind .. " ", 1, true) or where:find(" " .. group .. " ", 1, true)
end

local names = {}
for name in pairs(TABLE) do names[#names + 1] = name end
table.sort(names)
GROUPS.clock = "clock"
for kind, group in pairs(GROUPS) do
  for _, name in ipairs(names) do
    if happens_to(TABLE[name][1], kind, group) then add(by_kind.full, kind, name) end
    if happens_to(TABLE[name].small or "", kind, EARLY[kind] or group) then add(by_kind.small, kind, name) end
  end
end

--- The faults that can meet a request of this kind (or, for "clock", the clocks), in a fixed order.
---@param alphabet "full"|"small"
---@param kind string
---@return string[]
function faults.of(alphabet, kind) return by_kind[alphabet][kind] or {} end

---@return integer # how many kinds of faults the alphabet knows
function faults.count(alphabet)
  local n = 0
  for _, name in ipairs(names) do
    if alphabet == "full" or TABLE[name].small then n = n + 1 end
  end
  return n
end

---@return table # what TABLE says of the fault; raises for one that is not known
function faults.get(name) return TABLE[name] or error("no such fault: " .. tostring(name), 0) end

return faults
