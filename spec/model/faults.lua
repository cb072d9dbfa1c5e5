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
}

-- {==== What a client hears ====

local function lost() return { failure = "receive", sent = true, message = "the connection was reset" } end

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

--- name → { what it can happen to (groups), what happens, `small`: belongs to the small alphabet }. `doubt`: the answer
--- leaves open what became of the request although it looks like a success.
local TABLE = {
  refused = { "effect session read token revoke", before(refused), small = true },
  lost_before = { "effect session read token revoke", before(lost), small = true },
  lost_after = { "effect session revoke", after(lost), small = true },
  silent_before = { "effect session read token revoke", before(silence), small = true },
  silent_after = { "effect session", after(silence) },
  late20 = { "effect", later(20, lost), small = true },
  late65 = { "effect", later(65, silence), small = true },
  slow = { "effect session read token", slow(25), small = true },
  outage12 = { "effect session read token revoke", outage(12) },
  outage55 = { "effect session read token revoke", outage(55), small = true },
  page503_before = { "effect session read token revoke", before(says(503, "no healthy upstream")) },
  page503_after = { "effect session", after(says(503, UPSTREAM)), small = true },
  page502_before = { "effect session read token", before(says(502)), small = true },
  page502_after = { "effect session", after(says(502)) },
  page504_after = { "effect", after(says(504)) },
  page408_after = { "effect session", after(says(408)), small = true },
  page499_after = { "effect", after(says(499)) },
  page500_before = { "effect session read token", before(says(500)) },
  page500_after = { "effect", after(says(500)) },
  page520_after = { "effect session", after(says(520)), small = true },
  page524_after = { "effect", after(says(524)) },
  page302 = { "effect session read token", before(says(302)) },
  page400 = { "effect session read", before(says(400)) },
  page403 = { "effect session read token", before(says(403)), small = true },
  page404 = { "effect session read", before(says(404)) },
  own503 = { "effect session read revoke", before(own(503, "Service unavailable")), small = true },
  own503_wait = { "effect session read", waits(12, own(503, "Service unavailable")) },
  own503_spent = { "run retry", spent, small = true },
  own500_before = { "effect session read", before(own(500, "Internal server error")) },
  own500_after = { "effect", after(own(500, "Internal server error")), small = true },
  own429 = { "effect session read", waits(5, own(429, "Too many requests")), small = true },
  own400 = { "effect session read token", before(own(400, "Bad request")) },
  own403 = { "effect session read", before(own(403, "Forbidden")), small = true },
  marked = { "effect session read", before(function()
    return with(cdf.refusal(500, "Try again"), "cdf-is-auto-retryable", "true")
  end) },
  denied = { "effect session read", denied, small = true },
  torn_after = { "effect session", after(function() return page(202, '{"id":"0000') end), small = true, doubt = true },
  empty_after = { "effect session read", after(function() return page(202, "") end), doubt = true },
  portal = { "effect session read token", before(says(200)), doubt = true },
  alien_after = { "run retry", after(function() return page(202, ALIEN) end), doubt = true },
  pages = { "list", two_pages },
  kill_before = { "effect session read token", before(kill), small = true, mortal = true },
  kill_after = { "effect session", after(kill), small = true, mortal = true },
  kill_late = { "effect", later(20, kill), mortal = true },
  ["date+"] = { "clock", function(world) world.date_skew = 900 end, small = true },
  ["date-"] = { "clock", function(world) world.date_skew = -900 end },
  ["clock+"] = { "clock", function(world) world.clock_skew = 900 end },
  ["clock-"] = { "clock", function(world) world.clock_skew = -900 end, small = true },
}

local by_kind = { full = {}, small = {} }

local function add(alphabet, kind, name)
  alphabet[kind] = alphabet[kind] or {}
  table.insert(alphabet[kind], name)
end

local function happens_to(fault, kind)
  local where = " " .. fault[1] .. " "
  return where:find(" " .. kind .. " ", 1, true) or where:find(" " .. (GROUPS[kind] or "?") .. " ", 1, true)
end

local names = {}
for name in pairs(TABLE) do names[#names + 1] = name end
table.sort(names)
GROUPS.clock = "clock"
for kind in pairs(GROUPS) do
  for _, name in ipairs(names) do
    if happens_to(TABLE[name], kind) then
      add(by_kind.full, kind, name)
      if TABLE[name].small then add(by_kind.small, kind, name) end
    end
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
