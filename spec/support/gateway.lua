-- SPDX-License-Identifier: Apache-2.0
-- The gateway in real nginx or HAProxy on a free port, with the configurations of spec/examples/gateway as they are
-- delivered, and the embedded CDF behind.

local haproxy = require "haproxy"
local nginx = require "nginx"
local server = require "server"
local which_nginx = require "which_nginx"

local gateway = { SECRET = "sesame-sesame-sesame", CLIENT_SECRET = "s3cr3t-of-the-client" }

local FOLDER = nginx.root .. "spec/examples/gateway/"

local WORKFLOWS = [[return {
  workflows = { { externalId = "daily-report" } },
  versions = { { workflowExternalId = "daily-report", version = "1", workflowDefinition = { tasks = {
    { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } } } } },
  functions = { f = function() return {}, %d end },
}]]

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

--- The embedded CDF with the workflow daily-report.
---@param seconds? integer that a run takes; 0 unless told
---@return spec.Server
function gateway.cdf(seconds)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(WORKFLOWS:format(seconds or 0))
  file:close()
  local sim = server.start {
    "--project", "p", "--client-id", "id", "--client-secret", gateway.CLIENT_SECRET, "--load", name,
  }
  os.remove(name)
  return sim
end

--- What the gateway needs, which `changes` replace; a change to `false` takes a variable away.
local function environment(sim, lua, changes)
  local variables = {
    GATEWAY_SECRET = gateway.SECRET, GATEWAY_WORKFLOWS = "daily-report=1", CDF_PROJECT = "p", CDF_URL = sim.url,
    IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = gateway.CLIENT_SECRET, IDP_TOKEN_URL = sim.url .. "/oauth2/token",
    LUA_PATH = ("%slua/?.lua;%slua/?/init.lua;;"):format(nginx.root, nginx.root),
    LUA_CPATH = ("%s/%s/?.so;;"):format(nginx.build, lua),
  }
  for name, value in pairs(changes or {}) do variables[name] = value or nil end
  return variables
end

--- options: `environment`, changes to it; `settings`, Lua source of a table; `workers`.
---@return spec.Nginx
function gateway.in_nginx(sim, options)
  options = options or {}
  local configuration = replace(which_nginx.fit(read "nginx.conf"), "127.0.0.1:8090", "127.0.0.1:@PORT@")
  configuration = replace(configuration, "worker_processes 2", "worker_processes " .. (options.workers or 2))
  configuration = replace(configuration, ".init()", (".init(%s)"):format(options.settings or ""))
  return nginx.run(configuration, environment(sim, "luajit", options.environment))
end

--- options: `load`, "lua-load" or "lua-load-per-thread"; `environment`; `settings`; `arguments` of haproxy.
---@return spec.HAProxy
function gateway.in_haproxy(sim, options)
  options = options or {}
  local configuration = replace(read "haproxy.cfg", "127.0.0.1:8090", "127.0.0.1:@PORT@")
  configuration = replace(configuration, "lua-load haproxy.lua",
    (options.load or "lua-load") .. " @FOLDER@/haproxy.lua")
  return haproxy.run(configuration, environment(sim, "5.3", options.environment), {
    ["haproxy.lua"] = replace(read "haproxy.lua", ".start()", (".start(%s)"):format(options.settings or "")),
  }, options.arguments)
end

return gateway
