-- SPDX-License-Identifier: Apache-2.0
-- Those who send webhooks, as they do in the field: many at the same time, each delivery again and again until it is
-- taken, and some of them although it was. On Lua 5.4, with cqueues.

local core = require "cdfworkflow.core"
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local senders = {}

local PATIENCE = 35 -- seconds for an answer

local REQUEST = "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
  .. "%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"

local function exchange(connection, request)
  connection:setmode("bn", "bn")
  connection:settimeout(PATIENCE)
  connection:onerror(function(_, _, code) return code end)
  if not connection:connect() or not connection:write(request) or not connection:flush() then return nil end
  return connection:read "*a"
end

--- One request. → status, the JSON in the answer, its head; nil where no whole answer came
---@param port integer
---@param one { path?: string, secret: string, key?: string, body: string }
---@return integer|nil status
---@return table? content
---@return string? head
function senders.post(port, one)
  local key = one.key and ("Idempotency-Key: %s\r\n"):format(one.key) or ""
  local connection = socket.connect { host = "127.0.0.1", port = port }
  local text = exchange(connection, REQUEST:format(one.path or "/runs/daily-report", one.secret, key, #one.body,
    one.body))
  connection:close()
  local head, body = (text or ""):match "^(.-\r\n)\r\n(.*)$"
  if not head then return nil end
  local length = tonumber(head:lower():match "\r\ncontent%-length: (%d+)")
  if length and #body < length then return nil end
  return tonumber(head:match "^HTTP/%S+ (%d+)"), core.decode(body), head
end

---@class spec.Sent
---@field ids table<string, boolean> the ids that were answered
---@field statuses table<integer, integer> how often there was each; 0: no answer
---@field taken integer copies that were taken in the end
---@field replays integer

---@class spec.Sending
---@field keys string[]
---@field copies integer of each key
---@field at_once integer
---@field port fun(): integer where the next request goes
---@field secret string
---@field seconds number that it all may take
---@field in_order? boolean all copies of a key at once, then those of the next; any order unless told
---@field beside? fun(is_over: fun(): boolean) runs at the same time, and may wait by `cqueues.sleep`
---@field body? fun(key: string): string
---@field pause? number seconds between attempts; 0.1 unless told

--- Sends each copy until it is taken.
---@param options spec.Sending
---@return table<string, spec.Sent> sent by key
function senders.send(options)
  local loop, sent, copies = cqueues.new(), {}, {}
  for _, key in ipairs(options.keys) do
    sent[key] = { ids = {}, statuses = {}, taken = 0, replays = 0 }
    for _ = 1, options.copies do copies[#copies + 1] = key end
  end
  for i = options.in_order and 0 or #copies, 2, -1 do -- the copies come in any order
    local k = math.random(i)
    copies[i], copies[k] = copies[k], copies[i]
  end
  local left, limit = #copies, core.now() + options.seconds
  local function is_over() return left == 0 or core.now() > limit end
  local function deliver(key)
    local one = { secret = options.secret, key = key, body = options.body and options.body(key) or "{}" }
    local seen = sent[key]
    while core.now() < limit do
      local status, content, head = senders.post(options.port(), one)
      seen.statuses[status or 0] = (seen.statuses[status or 0] or 0) + 1
      if status == 202 then
        seen.ids[content.id], seen.taken = true, seen.taken + 1
        if head:lower():find("idempotent-replayed: true", 1, true) then seen.replays = seen.replays + 1 end
        break
      end
      cqueues.sleep((options.pause or 0.1) * (0.5 + math.random()))
    end
    left = left - 1
  end
  for _ = 1, options.at_once do
    loop:wrap(function()
      while copies[1] do deliver(table.remove(copies)) end
    end)
  end
  if options.beside then loop:wrap(function() options.beside(is_over) end) end
  assert(loop:loop())
  return sent
end

--- Complaints about what was not taken as often as it was sent, or with more than one id; and all statuses together.
---@param sent table<string, spec.Sent>
---@param copies integer
---@return string[] complaints
---@return table<integer, integer> statuses
function senders.judge(sent, copies)
  local complaints, statuses = {}, {}
  for key, one in pairs(sent) do
    local ids = {}
    for id in pairs(one.ids) do ids[#ids + 1] = id end
    if one.taken ~= copies then complaints[#complaints + 1] = ("%s: taken %d times"):format(key, one.taken) end
    if #ids > 1 then complaints[#complaints + 1] = ("%s: answered with %s"):format(key, table.concat(ids, ", ")) end
    for status, count in pairs(one.statuses) do statuses[status] = (statuses[status] or 0) + count end
  end
  return complaints, statuses
end

return senders
