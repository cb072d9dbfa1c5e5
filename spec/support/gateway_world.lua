-- SPDX-License-Identifier: Apache-2.0
-- A gateway without a server, against the embedded CDF: requests as tables, a memory that can be looked into, tasks
-- that run when the spec says so.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local gateway = require "cdfworkflow.gateway"
local simulator = require "cdfworkflow.simulator"

local world = {}

world.SECRET = "sesame-sesame-sesame"
local CLIENT_SECRET = "secret-of-client"

---@class spec.GatewayWorld
---@field sim table the embedded CDF
---@field here cdfworkflow.gateway.Gateway
---@field memory table of deliveries: `values` is what is in it
---@field log string[] lines of the gateway, "error: …"
---@field tasks function[] what the gateway wants to run on its own
local World = {}
World.__index = World

--- A dictionary that works as ngx.shared, on this spec's own clock: `passes(seconds)`.
function world.memory()
  local memory = { values = {}, ends = {}, now = 0 }
  function memory:passes(seconds) self.now = self.now + seconds end
  function memory:get(name)
    if (self.ends[name] or math.huge) <= self.now then return nil end
    return self.values[name]
  end
  function memory:set(name, value, seconds)
    self.values[name], self.ends[name] = value, seconds and self.now + seconds
    return true
  end
  function memory:add(name, value, seconds)
    if self:get(name) ~= nil then return false, "exists" end
    return self:set(name, value, seconds)
  end
  function memory:incr(name, by, first)
    local value = (self:get(name) or first) + by
    self:set(name, value)
    return value
  end
  return memory
end

local function define(client, workflow, version)
  assert(client.workflows:upsert { externalId = workflow })
  assert(client.workflows.versions:upsert {
    workflowExternalId = workflow, version = version, workflowDefinition = {
      tasks = { { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } },
        retries = 0 } },
    },
  })
end

--- Runs what the gateway wants to run on its own.
function World:run_tasks()
  while self.tasks[1] do table.remove(self.tasks, 1)() end
end

--- The gateway is started anew, as after a restart: with an empty memory unless it is given one.
---@param memory? table
---@param settings? table what else the gateway is told
function World:start(memory, settings)
  self.memory = memory or world.memory()
  local given = { workflows = { ["daily-report"] = "1", ["a/b"] = "v2" }, client = self:client() }
  for name, value in pairs(settings or {}) do given[name] = value end
  if not given.secret and not given.callers then given.secret = world.SECRET end
  self.tasks = {}
  self.here = assert(gateway.new(given, {
    shared = self.memory,
    log = function(level, text) self.log[#self.log + 1] = level .. ": " .. text end,
    spawn = function(fn)
      self.tasks[#self.tasks + 1] = fn
      return true
    end,
  }))
  self.here:begin()
end

--- The same, and the last day is read.
function World:restart(memory, settings)
  self:start(memory, settings)
  self:run_tasks()
end

function World:client()
  return assert(cdf.client {
    project = "p", base_url = "http://127.0.0.1", transport = self.sim:transport(), timeout = 25,
    credentials = cdf.credentials {
      client_id = "id", client_secret = CLIENT_SECRET, token_url = "http://127.0.0.1/oauth2/token",
    },
  })
end

--- Puts a function before the transport's: `hook(request, go_on)` gives the response. Until `unhook`.
function World:hook(hook)
  local transport = self.sim:transport()
  local http = transport.http
  function transport.http(_, request) return hook(request, function() return http(transport, request) end) end
  self.here.client.transport = transport
end

function World:unhook() self.here.client.transport = self.sim:transport() end

--- options: `method`, `path`, `body`, `key`, `secret`, `type`, and `headers` beside (`false`: not there).
---@return integer status, table|string content, table headers
function World:ask(options)
  local headers = {
    authorization = "Bearer " .. (options.secret or world.SECRET),
    ["content-type"] = options.type or "application/json",
    ["content-length"] = options.body and tostring(#options.body), ["idempotency-key"] = options.key,
  }
  for name, value in pairs(options.headers or {}) do headers[name] = value or nil end
  local answer = self.here:answer {
    method = options.method or "POST", path = options.path or "/runs/daily-report", headers = headers,
    read_body = function(limit) return #(options.body or "") <= limit and (options.body or "") or nil end,
  }
  local content = answer.body
  if answer.headers["content-type"] == "application/json" then content = assert(core.decode(content)) end
  return answer.status, content, answer.headers
end

--- How many executions there are.
function World:count()
  return #assert(self.here.client.workflows.executions:list { limit = math.huge })
end

function World:all_log() return table.concat(self.log, "\n") end

---@param options? { clock_ahead?: number } seconds that this machine's clock is ahead of CDF's
---@return spec.GatewayWorld
function world.new(options)
  local self = setmetatable({ log = {} }, World)
  local clock = core.time() - (options and options.clock_ahead or 0)
  self.sim = simulator.new {
    project = "p", client_id = "id", client_secret = CLIENT_SECRET, clock = math.floor(clock * 1000),
    functions = { f = function(data) return data and data.fail and error("the pump is dry", 0) or {} end },
  }
  local client = self:client()
  define(client, "daily-report", "1")
  define(client, "a/b", "v2")
  self:restart()
  return self
end

return world
