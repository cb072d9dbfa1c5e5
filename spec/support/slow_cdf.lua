-- SPDX-License-Identifier: Apache-2.0
-- A stand-in for CDF that takes its time and counts: every answer comes after a given delay, from nginx's own timers,
-- so that hundreds can be under way. It knows a token, a session and a run, and how to misbehave.

local core = require "cdfworkflow.core"
local nginx = require "nginx"
local shell = require "shell"

local slow_cdf = {}

local SERVER = [[
default_type application/json;
location = /token {
  content_by_lua_block {
    ngx.shared.counts:incr("tokens", 1, 0)
    ngx.sleep(%g)
    ngx.print('{"access_token":"secret-token-of-slow-cdf","expires_in":3600}')
  }
}
location = /counts {
  content_by_lua_block {
    local counts = ngx.shared.counts
    ngx.print(('{"tokens":%%d,"sessions":%%d,"runs":%%d,"peak":%%d}'):format(
      counts:get "tokens" or 0, counts:get "sessions" or 0, counts:get "runs" or 0, counts:get "peak" or 0))
  }
}
location = /api/v1/projects/p/sessions {
  content_by_lua_block {
    local counts = ngx.shared.counts
    local n, now = counts:incr("sessions", 1, 0), counts:incr("now", 1, 0)
    if now > (counts:get "peak" or 0) then counts:set("peak", now) end
    ngx.req.discard_body()
    ngx.sleep(%g)
    counts:incr("now", -1)
    ngx.status = 201
    ngx.print(('{"items":[{"id":%%d,"status":"READY","nonce":"secret-nonce-%%d"}]}'):format(n, n))
  }
}
location = /api/v1/projects/p/workflows/executions/list {
  content_by_lua_block {
    ngx.req.discard_body()
    ngx.print '{"items":[]}'
  }
}
location = /api/v1/projects/p/hangs { content_by_lua_block { ngx.sleep(3600) } }
location ~ ^/api/v1/projects/p/workflows/(?<workflow>[^/]+)/versions/[^/]+/run$ {
  content_by_lua_block {
    local n = ngx.shared.counts:incr("runs", 1, 0)
    ngx.req.discard_body()
    local workflow = ngx.var.workflow
    if workflow == "hangs" then ngx.sleep(3600) end
    if workflow:match "^busy" and ngx.shared.counts:add(workflow, true) then -- once
      ngx.header["Retry-After"], ngx.status = 1, 503
      return ngx.print '{"error":{"code":503,"message":"busy"}}'
    end
    ngx.sleep(%g)
    if workflow == "garbage" then return ngx.print("<html>\0\255 this is no JSON") end
    if workflow == "resets" then ngx.print('{"id":"05') ngx.flush(true) return ngx.exit(444) end
    ngx.status = 202
    ngx.print(('{"id":"059edaa4-a17a-4102-910e-%%012x","workflowExternalId":"%%s","version":"1","status":"RUNNING",'
      .. '"engineExecutionId":"e","createdTime":1767225600000,"metadata":{}}'):format(n, workflow))
  }
}
]]

---@class spec.SlowCdf
---@field server spec.Nginx
---@field url string
---@field ca_file? string the certificate to trust, with `tls`
local SlowCdf = {}
SlowCdf.__index = SlowCdf

--- How often it was asked for a token, a session, and a run; and how many sessions it made at the same time, at most.
---@return { tokens: integer, sessions: integer, runs: integer, peak: integer }
function SlowCdf:counts()
  local _, body = self.server:ask "/counts"
  return assert(core.decode(body))
end

function SlowCdf:stop()
  return self.server:stop()
end

local function certificate()
  local folder = shell.run("mktemp -d"):match "%S+"
  local said, status = shell.run(("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
    .. "-days 2 -subj /CN=slow-cdf -addext subjectAltName=IP:127.0.0.1 -keyout key -out certificate && "
    .. "cat certificate key && rm -r %s"):format(folder, folder))
  assert(status == 0, said)
  return said:match "%-%-%-%-%-BEGIN.*"
end

--- Starts it. options: `delay` in seconds of each answer (0.2), `token_delay` (the same), `tls` for TLS with HTTP/2,
--- `streams` at once on one HTTP/2 connection, `workers`, `reuseport` so that each of these gets as many connections.
---@param options? table
---@return spec.SlowCdf
function slow_cdf.start(options)
  options = options or {}
  local delay = options.delay or 0.2
  local pem = options.tls and certificate()
  local server = nginx.start {
    workers = options.workers or 1,
    http = "lua_shared_dict counts 1m;" .. (options.tls
      and ("ssl_certificate pem; ssl_certificate_key pem; http2_max_concurrent_streams %d;"):format(
        options.streams or 128) or ""),
    listen = (options.tls and "ssl http2" or "") .. (options.reuseport and " reuseport" or ""),
    server = SERVER:format(options.token_delay or delay, delay, delay),
    files = { pem = pem or "" },
  }
  return setmetatable({ server = server, url = server.url, ca_file = pem and server.folder .. "/pem" }, SlowCdf)
end

--- A client of it. `options` of cdf.client beside.
---@param options? table
function SlowCdf:client(options)
  local cdf = require "cdfworkflow"
  local all = { project = "p", base_url = self.url, ca_file = self.ca_file }
  all.credentials = assert(cdf.credentials {
    client_id = "id", client_secret = "secret-of-client", token_url = self.url .. "/token",
  })
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(cdf.client(all))
end

--- Lua source that makes a client of it, for programs in other hosts.
---@param options? string further options in Lua
---@return string
function SlowCdf:client_source(options)
  return ([[require("cdfworkflow").client {
    project = "p", base_url = %q, %s
    credentials = assert(require("cdfworkflow").credentials {
      client_id = "id", client_secret = "secret-of-client", token_url = %q,
    }), %s
  }]]):format(self.url, self.ca_file and ("ca_file = %q,"):format(self.ca_file) or "", self.url .. "/token",
    options or "")
end

return slow_cdf
