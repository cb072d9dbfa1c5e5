-- SPDX-License-Identifier: Apache-2.0
-- What comes into the simulator, from requests and from the user's Lua functions, can always be shown and kept.

local core = require "cdfworkflow.core"
local pieces = require "cdfworkflow.simulator.serve.pieces"
local simulator = require "cdfworkflow.simulator"

describe("what came in", function()
  local sim

  before_each(function()
    sim = simulator.new { project = "p", tokens = { "t" }, functions = {
      f = function() return {} end,
      half = function(data) error("bad input: " .. data.x:sub(1, 1)) end,
      never = function() return {}, 0 / 0 end,
      odd = function(_, context) context.log "\255" return {} end,
    } }
  end)

  local function send(method, path, body)
    local response = sim:handle {
      method = method, path = "/api/v1/projects/p" .. path, body = type(body) == "table" and core.encode(body) or body,
      headers = { authorization = "Bearer t", ["content-type"] = "application/json" },
    }
    return response.status, core.decode(response.body)
  end

  local function nonce()
    return select(2, send("POST", "/sessions", { items = { { tokenExchange = true } } })).items[1].nonce
  end

  local function id_of(name)
    return select(2, send("POST", "/functions/byids", { items = { { externalId = name } } })).items[1].id
  end

  it("too deep to be kept is refused, and does no harm", function()
    local deep = ('{"a":'):rep(130) .. "1" .. ("}"):rep(130)
    assert.equal(200, (send("POST", "/workflows", { items = { { externalId = "w" } } })))
    assert.equal(400, (send("POST", "/workflows/versions", ('{"items":[{"workflowExternalId":"w","version":"1",'
      .. '"workflowDefinition":{"tasks":[{"externalId":"t","type":"function","parameters":{"function":'
      .. '{"externalId":"f","data":%s}}}]}}]}'):format(deep))))
    assert.equal(200, (send("GET", "/workflows")))
    assert.is_table(sim:export())
  end)

  it("of a handler, however deep, can always be shown and kept, or is why its task fails", function()
    local levels
    local function nested()
      local value = 1
      for _ = 1, levels do value = { value } end
      return value
    end
    sim = simulator.new { project = "p", tokens = { "t" }, functions = { f = nested }, mappings = { m = nested },
      function_apps = { a = nested }, requests = { ["GET /deep"] = nested } }
    local function one(id, type, own)
      local holder = type == "cdf" and "cdfRequest" or type
      return { externalId = id, type = type, retries = 0, parameters = { [holder] = own } }
    end
    local function version(name, tasks)
      assert.equal(200, (send("POST", "/workflows/versions", { items = { { workflowExternalId = name, version = "1",
        workflowDefinition = { tasks = tasks } } } })))
    end
    local function outcome(name, depth)
      levels = depth
      local _, execution = send("POST", "/workflows/" .. name .. "/versions/1/run",
        { authentication = { nonce = nonce() } })
      sim:advance(5)
      local status, shown = send("GET", "/workflows/executions/" .. execution.id)
      assert.equal(200, status)
      assert(pieces.write(sim.state, function() return true end))
      return shown.status, shown.executedTasks[1].reasonForIncompletion
    end
    local f = one("f", "function", { externalId = "f" })
    version("one", { f })
    version("all", { f, one("m", "jsonMapping", { expression = "x" }),
      one("a", "functionApp", { externalId = "a", path = "/" }),
      one("c", "cdf", { resourcePath = "/deep", method = "GET" }) })
    local seen = {}
    for depth = 91, 135, 4 do
      local status = outcome("all", depth)
      seen[status] = (seen[status] or 0) + 1
      assert.truthy(({ [200] = 1, [500] = 1 })[(send("GET", "/deep"))])
    end
    assert.is_true(seen.COMPLETED > 1 and seen.FAILED > 5)
    assert.same({ "COMPLETED" }, { outcome("one", 99) })
    assert.same({ "FAILED", "The response is nested in more than 100 levels" }, { outcome("one", 101) })
    assert.matches("^The response is not JSON: .*too many tables", (select(2, outcome("one", 135))))
  end)

  it("of a handler's words and times can always be told and kept", function()
    for _, name in ipairs { "half", "never", "odd" } do
      local fn = ("%.0f"):format(id_of(name))
      local status, made = send("POST", "/functions/" .. fn .. "/call", { nonce = nonce(), data = { x = "\195\169" } })
      assert.equal(201, status)
      assert.equal(200, (send("POST", "/functions/" .. fn .. "/calls/list", {})))
      assert.equal(200, (send("GET", ("/functions/%s/calls/%.0f/logs"):format(fn, made.id))))
      assert.is_table(sim:export())
    end
  end)

  it("of a function takes the place of a registered one, and of its schedules", function()
    assert.equal(201, (send("POST", "/functions/schedules", { items = { {
      name = "s", cronExpression = "* * * * *", functionId = id_of "f", nonce = nonce(),
    } } })))
    local _, file = send("POST", "/files", { name = "n" })
    assert.equal(201, (send("POST", "/functions", { items = { { name = "f", externalId = "f", fileId = file.id } } })))
    sim:advance(150)
    assert.equal(200, (send("GET", "/workflows")))
    assert.same({}, select(2, send("POST", "/functions/schedules/list", {})).items)
  end)

  it("of an upload is in the log without what makes it a permission", function()
    local _, file = send("POST", "/files", { name = "n" })
    local path = file.uploadUrl:match "(/upload/.*)$"
    sim:handle { method = "PUT", path = path, headers = {}, body = "bytes" }
    assert.equal("/upload/[redacted]", sim.log[#sim.log].path)
  end)

  it("of a fault must make sense", function()
    assert.is_false(pcall(sim.fault, sim, { match = { path = "[" }, status = 503 }))
    assert.is_false(pcall(sim.fault, sim, { match = { path = "/x", times = "x" }, status = 503 }))
  end)
end)
