-- SPDX-License-Identifier: Apache-2.0
-- The gateway inside nginx/OpenResty: see nginx.conf. `check` runs before nginx forks its workers, `start` in each of
-- them, `serve` for each request.

local gateway = require "gateway"

local nginx_gateway = {}

local LEVELS = { info = ngx.NOTICE, error = ngx.ERR }

local here

--- Keeps nginx from starting where a setting is missing.
function nginx_gateway.check()
  local settings, message = gateway.settings()
  if not settings then error(message, 0) end
end

function nginx_gateway.start()
  here = gateway.new {
    runs = ngx.shared.gateway_runs,
    token_store = ngx.shared.gateway_tokens, -- one token for all workers
    log = function(level, text) ngx.log(LEVELS[level], text) end,
  }
end

local function read_body(limit)
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  if ngx.req.get_body_file() or #body > limit then return nil end
  return body
end

function nginx_gateway.serve()
  local answer = here:answer {
    method = ngx.req.get_method(), path = ngx.var.request_uri:match "^[^?]*",
    headers = ngx.req.get_headers(0), -- all of them: nginx has seen to it that they are not too many bytes
    read_body = read_body,
  }
  ngx.status = answer.status
  for name, value in pairs(answer.headers) do ngx.header[name] = value end
  ngx.header["content-length"] = #answer.body
  ngx.print(answer.body)
end

return nginx_gateway
