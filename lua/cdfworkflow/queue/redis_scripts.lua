-- SPDX-License-Identifier: Apache-2.0
-- What Redis does for the queue, as scripts that it runs whole or not at all, in its own Lua. All times in Redis are
-- its own clock's, in seconds.
--
-- A stream, `stream`, has one entry a delivery, from its put until it is started or dropped; its number is the place in
-- the queue. The group `drains` has what nobody has taken yet, and as pending what drains hold, nothing else.
-- Deliveries that wait again, or were refused, are in the sorted sets `again` and `refused`, by their number. The rest
-- is in the hash `delivery:ID`: among it `state`; `owner` and `until`, the claim; `first`, the first attempt;
-- `not_before`, before which there is to be no attempt.

local contract = require "cdfworkflow.queue.contract"
local server = require "cdfworkflow.store.server"

local scripts = {}

--- Seconds for which a claim is held that was not begun.
local CLAIMED = 60
--- The longest attempt that a Redis without memory reckons with; those of this drain and, where it is still known, of
--- others count too.
local USUAL_ATTEMPT = 60

local COMMON = ([[
local PREFIX, GROUP = KEYS[1], 'drains'
local STREAM, AGAIN, REFUSED = PREFIX .. 'stream', PREFIX .. 'again', PREFIX .. 'refused'
local BYTES, MEMORY = PREFIX .. 'bytes', PREFIX .. 'memory'
local SETTLED_AFTER, REMEMBERED, CLAIMED, USUAL_ATTEMPT = %d, %d, %d, %d
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local function hash(id) return PREFIX .. 'delivery:' .. id end

-- The members of a delivery, '' for those that it has not.
local function members(id, ...)
  local values = redis.call('HMGET', hash(id), ...)
  for i, value in ipairs(values) do values[i] = value or '' end
  return values
end

local function member(id, name) return members(id, name)[1] end

local function text(seconds) return string.format('%%.6f', seconds) end

-- A full Redis takes no command that needs memory, unless the script has written before: what is on its way out of
-- the queue must go on.
local function also_when_full() redis.call('PERSIST', BYTES) end

-- Nobody holds it any more.
local function let_go(id)
  redis.call('XACK', STREAM, GROUP, member(id, 'n') .. '-0')
  redis.call('HDEL', hash(id), 'owner', 'until')
end

local function is_mine(id, owner)
  return owner ~= '' and member(id, 'owner') == owner
end

-- It waits again, at its old place.
local function wait_again(id)
  redis.call('HSET', hash(id), 'state', 'waiting')
  redis.call('ZADD', AGAIN, member(id, 'n'), id)
end

-- It is no more among those that wait or were refused.
local function leave(id)
  local n = member(id, 'n')
  if n == '' then return end
  let_go(id)
  redis.call('XDEL', STREAM, n .. '-0')
  redis.call('ZREM', AGAIN, id)
  redis.call('ZREM', REFUSED, id)
  redis.call('DECRBY', BYTES, member(id, 'bytes'))
  redis.call('HDEL', hash(id), 'n', 'input', 'bytes')
end
]]):format(contract.SETTLED_AFTER, contract.REMEMBERED, CLAIMED, USUAL_ATTEMPT)

--- id, workflow, version, input, metadata, created, most entries, most bytes → "new", "known", or the limit that is
--- reached
scripts.put = [[
local id, state = ARGV[1], member(ARGV[1], 'state')
if state ~= '' and state ~= 'dropped' then return 'known' end
if redis.call('XLEN', STREAM) >= tonumber(ARGV[7]) then return 'max_entries' end
local bytes = 0
for i = 1, 5 do bytes = bytes + #ARGV[i] end
if tonumber(redis.call('GET', BYTES) or 0) + bytes > tonumber(ARGV[8]) then return 'max_bytes' end
local n = redis.call('INCR', PREFIX .. 'number')
redis.call('XADD', STREAM, n .. '-0', 'id', id)
redis.call('INCRBY', BYTES, bytes)
redis.call('HSET', hash(id), 'n', n, 'state', 'waiting', 'workflow', ARGV[2], 'version', ARGV[3], 'input', ARGV[4],
  'metadata', ARGV[5], 'created', ARGV[6], 'put', text(now), 'bytes', bytes)
redis.call('PERSIST', hash(id))
return 'new'
]]

local SHOWN = "'workflow', 'version', 'metadata', 'created', 'state', 'attempts', 'error', 'execution', 'ended'"

--- id → the members that SHOWN lists, and the input
scripts.get = ([[
local shown = members(ARGV[1], %s, 'input')
if shown[5] == '' or shown[5] == 'dropped' then return {} end
return shown
]]):format(SHOWN)

--- Those from a number on, at most so many: "refused", or all → { the number to go on from or '', { id, members }, … }
scripts.list = ([[
local found, from, most = {}, tonumber(ARGV[1]), tonumber(ARGV[2])
if ARGV[3] == 'refused' then
  found = redis.call('ZRANGEBYSCORE', REFUSED, from, '+inf', 'LIMIT', 0, most)
else
  for i, entry in ipairs(redis.call('XRANGE', STREAM, from, '+', 'COUNT', most)) do found[i] = entry[2][2] end
end
local page = { '' }
if #found == most then page[1] = tostring(tonumber(member(found[most], 'n')) + 1) end
for i, id in ipairs(found) do page[i + 1] = { id, members(id, %s) } end
return page
]]):format(SHOWN)

scripts.count = [[
return { redis.call('XLEN', STREAM), redis.call('ZCARD', REFUSED), tonumber(redis.call('GET', BYTES) or 0) }
]]

--- memory, uptime, consumer, the longest attempt that this drain knows of → { "claim", owner, id, workflow, version,
--- input, metadata, created, attempts, first attempt by the clock of its host, seconds since the first attempt, seconds
--- to wait, seconds since it was put, seconds for which Redis has had its memory }; or { "none", seconds }, '' where
--- that is not known
scripts.claim = server.AGE_OF_MEMORY .. [[
also_when_full()
-- What another memory of Redis knew of may still be under way.
local age = age_of_memory(MEMORY, ARGV[1], ARGV[2])
local longest = math.max(tonumber(ARGV[4]), tonumber(redis.call('HGET', MEMORY, 'longest') or 0), USUAL_ATTEMPT)
if age < longest + SETTLED_AFTER then return { 'none', text(longest + SETTLED_AFTER - age) } end
if redis.call('EXISTS', STREAM) == 0 then return { 'none', '' } end
if redis.call('HGET', MEMORY, 'group') ~= '1' then
  redis.pcall('XGROUP', 'CREATE', STREAM, GROUP, '0')
  redis.call('HSET', MEMORY, 'group', '1')
end

-- The delivery of an entry of the stream. What somebody has deleted by hand is cleared away.
local function id_of(entry, number)
  local id = entry and entry[2][2]
  if id and member(id, 'n') ~= '' then return id end
  redis.call('XACK', STREAM, GROUP, number)
  redis.call('XDEL', STREAM, number)
end

-- The oldest whose holder fell silent, or the seconds until there may be one.
local function silent()
  local soonest
  for _, pending in ipairs(redis.call('XPENDING', STREAM, GROUP, '-', '+', 10000)) do
    local id = id_of(redis.call('XRANGE', STREAM, pending[1], pending[1])[1], pending[1])
    if id then
      local left = (tonumber(member(id, 'until')) or 0) - now
      if left <= 0 then return id end
      soonest = math.min(soonest or left, left)
    end
  end
  return nil, soonest
end

-- The oldest that nobody has taken yet.
local function untouched()
  while true do
    local read = redis.call('XREADGROUP', 'GROUP', GROUP, ARGV[3], 'COUNT', 1, 'STREAMS', STREAM, '>')
    if not read then return nil end
    local entry = read[1][2][1]
    local id = id_of(entry, entry[1])
    if id then return id end
  end
end

local function number(id) return id and tonumber(member(id, 'n')) or math.huge end

local id, soonest = silent()
local again = redis.call('ZRANGE', AGAIN, 0, 0)[1]
if again and number(again) < number(id) then id = again end
if id then
  redis.call('ZREM', AGAIN, id)
  redis.call('XCLAIM', STREAM, GROUP, ARGV[3], 0, member(id, 'n') .. '-0', 'FORCE', 'JUSTID')
else
  id = untouched()
  if not id then return { 'none', soonest and text(soonest) or '' } end
end

local owner = ARGV[1] .. ' ' .. redis.call('INCR', PREFIX .. 'claims')
redis.call('HSET', hash(id), 'state', 'waiting', 'owner', owner, 'until', text(now + CLAIMED))
local m = members(id, 'workflow', 'version', 'input', 'metadata', 'created', 'attempts', 'first_there', 'first',
  'not_before', 'put')
local function since(time) return time == '' and '' or text(now - tonumber(time)) end
return { 'claim', owner, id, m[1], m[2], m[3], m[4], m[5], m[6], m[7], since(m[8]),
  text(math.max((tonumber(m[9]) or 0) - now, 0)), since(m[10]), text(age) }
]]

--- id, owner, seconds, the time at this host → 1, or 0 where the claim is not ours any more
scripts.begin = [[
local id = ARGV[1]
also_when_full()
if not is_mine(id, ARGV[2]) then return 0 end
local seconds = tonumber(ARGV[3])
redis.call('HSET', hash(id), 'state', 'starting', 'until', text(now + seconds + SETTLED_AFTER))
redis.call('HINCRBY', hash(id), 'attempts', 1)
redis.call('HSETNX', hash(id), 'first', text(now))
redis.call('HSETNX', hash(id), 'first_there', ARGV[4])
if seconds > tonumber(redis.call('HGET', MEMORY, 'longest') or 0) then
  redis.call('HSET', MEMORY, 'longest', ARGV[3])
end
return 1
]]

--- id, execution, time, workflow, version, metadata, created. Whoever says that it was started is right, also when it
--- was taken over, and when Redis has lost what it knew of it.
scripts.settle = [[
local id = ARGV[1]
also_when_full()
if member(id, 'state') ~= 'started' then
  leave(id)
  redis.call('HSET', hash(id), 'state', 'started', 'execution', ARGV[2], 'ended', ARGV[3], 'workflow', ARGV[4],
    'version', ARGV[5], 'metadata', ARGV[6], 'created', ARGV[7])
  redis.call('HDEL', hash(id), 'error', 'owner', 'until')
  redis.call('EXPIRE', hash(id), REMEMBERED)
end
return 1
]]

--- id, owner, error, time
scripts.refuse = [[
local id = ARGV[1]
also_when_full()
if not is_mine(id, ARGV[2]) then return 0 end
let_go(id)
redis.call('ZADD', REFUSED, member(id, 'n'), id)
redis.call('HSET', hash(id), 'state', 'refused', 'error', ARGV[3], 'ended', ARGV[4])
return 1
]]

--- id, owner, error, "1" where it may yet bring about a run
scripts.fail = [[
local id = ARGV[1]
also_when_full()
if not is_mine(id, ARGV[2]) then return 0 end
let_go(id)
wait_again(id)
redis.call('HSET', hash(id), 'error', ARGV[3], 'not_before', ARGV[4] == '1' and text(now + SETTLED_AFTER) or '')
return 1
]]

--- id, owner. What was begun stays held until nothing can come of it.
scripts.release = [[
local id = ARGV[1]
also_when_full()
if not is_mine(id, ARGV[2]) or member(id, 'state') == 'starting' then return 0 end
let_go(id)
wait_again(id)
return 1
]]

--- id, time → 1, or 0 where none was refused
scripts.retry = [[
local id = ARGV[1]
if redis.call('ZREM', REFUSED, id) == 0 then return 0 end
wait_again(id)
redis.call('HSET', hash(id), 'created', ARGV[2], 'put', text(now))
redis.call('HDEL', hash(id), 'ended')
return 1
]]

--- id → "done", "none", or "starting"
scripts.drop = [[
local id = ARGV[1]
local m = members(id, 'state', 'until', 'attempts', 'not_before')
if m[1] ~= 'waiting' and m[1] ~= 'refused' and m[1] ~= 'starting' then return 'none' end
if m[1] == 'starting' and tonumber(m[2]) > now then return 'starting' end
leave(id)
if m[3] == '' then
  redis.call('DEL', hash(id))
else
  redis.call('HSET', hash(id), 'state', 'dropped')
  redis.call('HDEL', hash(id), 'metadata', 'error', 'ended')
  redis.call('EXPIRE', hash(id), REMEMBERED)
end
return 'done'
]]

for name, script in pairs(scripts) do scripts[name] = COMMON .. script end

return scripts
