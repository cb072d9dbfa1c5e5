-- SPDX-License-Identifier: Apache-2.0
-- The gateway inside HAProxy: see haproxy.cfg. A service answers the webhook, which has a body; an action answers the
-- status route and the health check, which have none.

local gateway = require "gateway"

--- What ngx.shared is in nginx: remembers deliveries, for this process (with lua-load) or for this thread (with
--- lua-load-per-thread).
local function new_memory()
  local values, ends, sweep_at = {}, {}, 0
  local memory = {}
  local function sweep(now)
    if now < sweep_at then return end
    sweep_at = now + 60
    for key, time in pairs(ends) do
      if time <= now then values[key], ends[key] = nil, nil end
    end
  end
  function memory:get(key) -- luacheck: no unused
    return (ends[key] or 0) > os.time() and values[key] or nil
  end
  function memory:set(key, value, seconds) -- luacheck: no unused
    sweep(os.time())
    values[key], ends[key] = value, value and os.time() + seconds or nil
  end
  function memory:add(key, value, seconds)
    if self:get(key) then return false, "exists" end
    self:set(key, value, seconds)
    return true
  end
  return memory
end

local LEVELS = { info = core.info, error = core.err }

local here = gateway.new {
  runs = new_memory(),
  log = function(level, text) core.log(LEVELS[level], text) end,
}

--- HAProxy gives each header as a list that begins at 0.
local function headers_of(lists)
  local headers = {}
  for name, values in pairs(lists) do headers[name:lower()] = values[1] and values or values[0] end
  return headers
end

--- HAProxy hands a body out in pieces; the last is empty.
local function read_body(applet, limit)
  local parts, length = {}, 0
  repeat
    local part = applet:receive(limit + 1 - length)
    parts[#parts + 1] = part
    length = length + #part
  until part == "" or length > limit
  return length <= limit and table.concat(parts) or nil
end

core.register_service("gateway", "http", function(applet)
  local answer = here:answer {
    method = applet.method, path = (applet.path or ""):match "^[^?]*", headers = headers_of(applet.headers),
    read_body = function(limit) return read_body(applet, limit) end,
  }
  applet:set_status(answer.status)
  for name, value in pairs(answer.headers) do applet:add_header(name, value) end
  applet:add_header("content-length", tostring(#answer.body))
  applet:start_response()
  applet:send(answer.body)
end)

core.register_action("gateway", { "http-req" }, function(txn)
  local answer = here:answer {
    method = txn.f:method(), path = txn.f:path() or "", headers = headers_of(txn.http:req_get_headers()),
    read_body = function() return "" end,
  }
  local reply = txn:reply { status = answer.status, body = answer.body }
  for name, value in pairs(answer.headers) do reply:add_header(name, value) end
  txn:done(reply)
end)
