-- SPDX-License-Identifier: Apache-2.0
-- Starts the gateway of spec/examples/gateway as it is delivered, in real nginx or HAProxy on a free port, with the
-- embedded CDF behind.

local haproxy = require "haproxy"
local nginx = require "nginx"
local which_nginx = require "which_nginx"

local gateway = { SECRET = "sesame-sesame-sesame", CLIENT_SECRET = "s3cr3t-of-the-client" }

local FOLDER = nginx.root .. "spec/examples/gateway/"

local function read(name)
  local file = assert(io.open(FOLDER .. name))
  local text = file:read "*a"
  file:close()
  return text
end

--- What replaces `from` in the text, which must be there.
local function replace(text, from, to)
  local at, last = text:find(from, 1, true)
  assert(at, from .. " is not in the example any more")
  return text:sub(1, at - 1) .. to .. text:sub(last + 1)
end

local function environment(sim, lua)
  return {
    GATEWAY_SECRET = gateway.SECRET, GATEWAY_WORKFLOWS = "daily-report=1", CDF_PROJECT = "p", CDF_URL = sim.url,
    IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = gateway.CLIENT_SECRET, IDP_TOKEN_URL = sim.url .. "/oauth2/token",
    LUA_PATH = ("%slua/?.lua;%slua/?/init.lua;;"):format(nginx.root, nginx.root),
    LUA_CPATH = ("%s/%s/?.so;;"):format(nginx.build, lua),
  }
end

---@return spec.Nginx
function gateway.in_nginx(sim)
  local configuration = replace(which_nginx.fit(read "nginx.conf"), "127.0.0.1:8080", "127.0.0.1:@PORT@")
  return nginx.run(configuration, environment(sim, "luajit"), {
    ["gateway.lua"] = read "gateway.lua", ["nginx_gateway.lua"] = read "nginx_gateway.lua",
  })
end

---@param load "lua-load"|"lua-load-per-thread"
---@return spec.HAProxy
function gateway.in_haproxy(sim, load)
  local configuration = replace(read "haproxy.cfg", "127.0.0.1:8080", "127.0.0.1:@PORT@")
  configuration = replace(configuration, "./?.lua", "@FOLDER@/?.lua")
  configuration = replace(configuration, "lua-load haproxy_gateway.lua", load .. " @FOLDER@/haproxy_gateway.lua")
  return haproxy.run(configuration, environment(sim, "5.3"), {
    ["gateway.lua"] = read "gateway.lua", ["haproxy_gateway.lua"] = read "haproxy_gateway.lua",
  })
end

return gateway
