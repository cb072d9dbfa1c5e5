-- SPDX-License-Identifier: Apache-2.0
-- The examples of the reference are run against the embedded CDF: each does what it says, and fails as it is said.
-- Runs on: 5.4

local cdf = require "cdfworkflow"
local gateway = require "cdfworkflow.gateway"
local gateway_world = require "gateway_world"
local redis_server = require "redis_server"
local shell = require "shell"
local simulator = require "cdfworkflow.simulator"

local folder = shell.run("mktemp -d"):gsub("\n", "")
shell.run("lua5.4 spec/support/reference/main.lua examples lua " .. folder)
local examples = dofile(folder .. "/examples.lua")

for name, text in pairs { -- what some of them read
  ["toolkit.env"] = "CDF_PROJECT=my-project\nCDF_CLUSTER=westeurope-1\nLOGIN_FLOW=token\nCDF_TOKEN=t\n",
  ["fetch.zip"] = "PK",
} do
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

local function new_sim(state)
  return simulator.new {
    state = state,
    functions = {
      fetch = function() return { rows = 3 } end, approve = function() return {} end,
      divide = function() error("division by zero", 0) end,
    },
    requests = { ["POST /timeseries/data"] = {} },
  }
end

--- What the gateway's hosts have of their servers, which are not here.
local function pretend_servers(shared)
  local function nothing() end
  rawset(_G, "ngx", shared and {
    shared = { cdfworkflow = shared }, timer = { at = nothing }, worker = { id = nothing }, header = {}, log = nothing,
    req = { get_method = function() return "GET" end, get_headers = function() return {} end },
    var = { request_uri = "/health" }, print = nothing,
  })
  rawset(_G, "core", shared and { register_service = nothing, register_action = nothing, register_task = nothing })
end

local function gateway_things(client)
  local function nothing() end
  local host = { shared = gateway_world.memory(), log = nothing, spawn = nothing }
  return gateway, host, assert(gateway.new({
    workflows = { report = "1" }, secret = "a-secret-of-16-letters", client = client,
  }, host))
end

local SETTINGS = {
  GATEWAY_SECRET = "a-secret-of-16-letters", CDF_PROJECT = "p", CDF_URL = "https://cdf.example",
  LOGIN_FLOW = "token", CDF_TOKEN = "t",
}

local function client_of(sim)
  return assert(cdf.client {
    project = "my-project", base_url = "https://cdf.example", transport = sim:transport(),
    credentials = assert(cdf.credentials {
      client_id = "client-id", client_secret = "client-secret", token_url = "https://cdf.example/oauth2/token",
    }),
  })
end

local queues = 0

--- A queue in a folder of its own.
local function new_queue(options)
  queues = queues + 1
  local spool = options.spool and ("%s/%s-%d"):format(folder, options.spool, queues)
  return cdf.queue { client = options.client, spool = spool, store = options.store }
end

-- What the examples speak of, and the state of the simulator in which it is.
local function prepare()
  local sim = new_sim()
  local client = client_of(sim)
  local function add(name, task)
    assert(client.workflows:upsert { externalId = name })
    assert(client.workflows.versions:upsert {
      workflowExternalId = name, version = "1", workflowDefinition = { tasks = { task } },
    })
  end
  local fetch = cdf.task.fn { externalId = "fetch", functionExternalId = "fetch" }
  local clean = cdf.task.fn { externalId = "clean", functionExternalId = "divide" }
  add("report", fetch)
  add("approval", cdf.task.fn { externalId = "sign", functionExternalId = "approve", isAsyncComplete = true })
  add("daily", cdf.task.subworkflow { externalId = "north", tasks = { clean } })
  assert(client.workflows.triggers:upsert {
    externalId = "nightly", workflowExternalId = "report", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 2 * * *" },
  })
  return {
    fetch = fetch, clean = clean, definition = cdf.definition { tasks = { fetch } },
    function_schedule = assert(client.functions.schedules:create {
      name = "daily", cronExpression = "0 2 * * *", functionExternalId = "fetch", data = { day = 31 },
    }),
    failed = assert(client:wait(assert(client:run("daily", "1")))),
    execution = assert(client:run("report", "1")),
  }, sim:export()
end

local things, state = prepare()
local redis = redis_server.start()
local stored = assert(cdf.encode(state))

--- The globals of an example, and what it prints.
local function new_world()
  local printed = {}
  local world = setmetatable({
    simulator = simulator,
    cdf = setmetatable({
      from_file = function(name, overrides) return cdf.from_file(folder .. "/" .. name, overrides) end,
      queue = new_queue,
    }, { __index = cdf }),
    io = { open = function(name, mode) return io.open(folder .. "/" .. name, mode) end },
    os = setmetatable({ getenv = function() return "s3cret" end }, { __index = os }),
    print = function(...)
      local words = { ... }
      for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
      printed[#printed + 1] = table.concat(words, " ")
    end,
  }, { __index = _G })
  for name, thing in pairs(things) do world[name] = thing end
  world.sim = new_sim(assert(cdf.decode(stored)))
  world.client = client_of(world.sim)
  world.queue = assert(new_queue { client = world.client, spool = "queue" })
  world.store = assert(require("cdfworkflow.store.redis").new { port = redis.port, timeout = 5 })
  redis:ask "FLUSHALL"
  world.gateway, world.host, world.webhook = gateway_things(world.client)
  return world, printed
end

--- What an example says that it prints, as a pattern: `…` stands for anything.
local function said_of(code)
  local lines = {}
  for said in code:gmatch "%-%-> ([^\n]*)" do lines[#lines + 1] = said:gsub("%p", "%%%0"):gsub("…", ".*") end
  return table.concat(lines, "\n")
end

--- Lets the example run while CDF's answers are lost, from the nth request of the method on: the kinds of the errors
--- that the method gives, for each n.
local function kinds_of(name, code)
  local path, method = name:match "^(.*):(.*)$"
  local kinds = {}
  for nth = 1, 6 do
    local world = new_world()
    local object = assert(load("return " .. path, "=path", "t", world))()
    local fails = false
    local inner = object[method]
    object[method] = function(self, ...)
      world.sim:fault { drop = "after", match = { path = "/projects/", nth = nth, times = 100000 } }
      local result, err = inner(self, ...)
      world.sim:clear_faults()
      if err then kinds[err.kind], fails = true, true end
      return result, err
    end
    pcall(assert(load(code, "=" .. name, "t", world)))
    if not fails then break end
  end
  return kinds
end

describe("an example of the reference", function()
  local snapshot, settings

  setup(function()
    snapshot = assert:snapshot()
    local getenv = os.getenv
    stub(os, "getenv", function(name) return settings[name] or getenv(name) end)
  end)

  teardown(function()
    snapshot:revert()
    pretend_servers(nil)
    redis:stop()
    shell.run("rm -r " .. folder)
  end)

  for _, example in ipairs(examples) do
    local name, code, errors = example[1], example[2], example[3]

    it("of " .. name .. " does what it says", function()
      local in_gateway = name:find "^gateway"
      settings = in_gateway and SETTINGS or {}
      local world, printed = new_world()
      pretend_servers(in_gateway and world.host.shared or nil)
      assert(load(code, "=" .. name, "t", world))()
      local said = said_of(code)
      if said ~= "" then assert.matches("^" .. said .. "$", table.concat(printed, "\n")) end
    end)

    local method = name:match ":([%w_]+)$"
    if method and errors:find "any kind" and code:find("[.:]" .. method) then
      it("of " .. name .. " fails as it is said where answers are lost", function()
        local kinds = kinds_of(name, code)
        assert.truthy(next(kinds) or name == "client:auth") -- a token is all that it asks for
        assert.equal(errors:find('but "ambiguous"', 1, true) == nil, kinds.ambiguous == true)
      end)
    end
  end
end)
