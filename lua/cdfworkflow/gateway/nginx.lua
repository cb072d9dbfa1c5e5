-- SPDX-License-Identifier: Apache-2.0
-- The gateway inside nginx/OpenResty: `init` before nginx forks its workers, `init_worker` in each of them, `serve` for
-- each request.

local gateway = require "cdfworkflow.gateway"

--- The module: what `require "cdfworkflow.gateway.nginx"` gives.
---@class cdfworkflow.gateway.nginx
local nginx = {}

local DICTIONARY = "cdfworkflow"

---@type cdfworkflow.gateway.Gateway|nil
local here

local function log(level, text) ngx.log(level == "error" and ngx.ERR or ngx.NOTICE, text) end

--- Lua code of nginx's cannot wait everywhere; timers can, and one of no delay begins in a worker that ends, too.
local function spawn(fn) return ngx.timer.at(0, fn) end

local function is_ending() return ngx.worker.exiting() end

--- For `init_by_lua_block`: makes the gateway, or raises with what is missing or wrong, so that nginx does not start,
--- or at a reload goes on as it was. What is not in the settings is read from the environment that nginx was started
--- with; no `env` directive is needed.
---
---     require("cdfworkflow.gateway.nginx").init { workflows = { ["daily-report"] = "1" } }
---@param settings? cdfworkflow.gateway.Settings
function nginx.init(settings)
  local shared = ngx.shared[DICTIONARY]
  if not shared then error(("nginx.conf: the gateway needs `lua_shared_dict %s 50m;`"):format(DICTIONARY), 0) end
  local err
  here, err = gateway.new(settings or {}, { shared = shared, log = log, spawn = spawn, is_ending = is_ending })
  if not here then error("cdfworkflow.gateway: " .. err.message, 0) end
end

local NONE = 'nginx.conf: init_by_lua_block must call require("cdfworkflow.gateway.nginx").init(), and '
  .. "lua_code_cache be on"

local function made() return here or error(NONE, 0) end

--- For `init_worker_by_lua_block`: begins what each worker does beside answering; one drains the queue.
---
---     require("cdfworkflow.gateway.nginx").init_worker()
function nginx.init_worker() made():begin(ngx.worker.id() == 0) end

--- nginx puts a longer body into a file.
local function read_file(path, limit)
  local file = io.open(path, "rb")
  if not file then return nil end
  local body = file:read(limit + 1)
  file:close()
  return body
end

local function read_body(limit)
  ngx.req.read_body()
  local path = ngx.req.get_body_file()
  local body = path and read_file(path, limit) or ngx.req.get_body_data() or ""
  return #body <= limit and body or nil
end

--- For `content_by_lua_block`: answers the request.
---
---     require("cdfworkflow.gateway.nginx").serve()
function nginx.serve()
  local answer = made():answer {
    method = ngx.req.get_method(), path = ngx.var.request_uri:match "^[^?]*",
    headers = ngx.req.get_headers(0), -- all of them: nginx has seen to it that they are not too many bytes
    read_body = read_body,
  }
  ngx.status = answer.status
  for name, value in pairs(answer.headers) do ngx.header[name] = value end
  ngx.header["content-length"] = #answer.body
  ngx.print(answer.body)
end

return nginx
