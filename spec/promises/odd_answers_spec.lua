-- SPDX-License-Identifier: Apache-2.0
-- Whatever CDF answers that is JSON, no method raises an error of Lua's own: it gives a result, or an error of this
-- library. Each method is called once against the embedded CDF; then each part of each answer becomes something odd,
-- half of them on two of the Luas, half on the others.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

local ODD = { "5", "0.5", "1e300", '"x"', '""', "true", "null", "[]", "[5]", "[[{}]]", '{"a":[5]}' }
local OWN = (_VERSION == "Lua 5.4" or rawget(_G, "jit")) and 1 or 2
local MOST_REQUESTS = 60 -- of one call; what asks for more is told that there is no connection
local TASK = "059edaa4-a17a-4102-910e-2c3591500cce"

local function settings(transport)
  return {
    project = "acme-dev", base_url = "http://127.0.0.1", transport = transport, max_retries = 0, timeout = 10,
    credentials = assert(cdf.credentials {
      client_id = "svc", client_secret = "s3cr3t", token_url = "http://127.0.0.1/acme/oauth2/v2.0/token" }),
  }
end

-- {==== What is called ====

local PAIR = { client_id = "svc", client_secret = "s3cr3t" }
local RULE = { triggerType = "schedule", cronExpression = "0 6 * * *" }

local function all(iterator)
  local found = {}
  for item in iterator do found[#found + 1] = item end
  return found
end

--- Draws and lints what was read; that it cannot be drawn is said in words.
local function show(resource)
  if not resource then return end
  cdf.lint(resource)
  for _, format in ipairs { "text", "dot", "mermaid" } do
    local drawn, message = pcall(cdf.graph, resource, format)
    if not drawn and not tostring(message):find("cdf.graph: ", 1, true) then error(message, 0) end
  end
end

--- Each gets a client, and what the world holds: executions, a call, a schedule, a session, a file.
local METHODS = {
  ["client:run"] = function(c) return c:run("wf", "1", { input = { a = 1 } }) end,
  ["client:run, with a request id"] = function(c) return c:run("wf", "1", { request_id = "r" }) end,
  ["client:wait"] = function(c, w) return c:wait(w.execution, { timeout = 30, on_change = function() end }) end,
  ["client:request"] = function(c) return c:request("POST", "/workflows/executions/list", {}) end,
  ["client:schedule"] = function(c)
    return c:schedule { workflow_external_id = "wf", version = "1", cron = "0 6 * * *" }
  end,
  ["client:schedule, by function"] = function(c)
    return c:schedule { workflow_external_id = "wf", version = "1", cron = "0 7 * * *", via = "function",
      client_credentials = PAIR, deploy_timeout = 5 }
  end,
  ["client:schedules"] = function(c) return c:schedules() end,
  ["client:unschedule"] = function(c, w) return c:unschedule(w.scheduled) end,
  ["workflows:upsert"] = function(c) return c.workflows:upsert { externalId = "other" } end,
  ["workflows:retrieve"] = function(c) return c.workflows:retrieve "wf" end,
  ["workflows:list"] = function(c) return c.workflows:list { limit = math.huge } end,
  ["workflows:each"] = function(c) return all(c.workflows:each()) end,
  ["workflows:delete"] = function(c) return c.workflows:delete "unused" end,
  ["versions:upsert"] = function(c)
    return c.workflows.versions:upsert { workflowExternalId = "wf", version = "2", workflowDefinition = { tasks = {} } }
  end,
  ["versions:retrieve"] = function(c)
    local version, err = c.workflows.versions:retrieve("wf", "1")
    show(version)
    return version, err
  end,
  ["versions:list"] = function(c) return c.workflows.versions:list() end,
  ["versions:each"] = function(c) return all(c.workflows.versions:each()) end,
  ["versions:delete"] = function(c)
    return c.workflows.versions:delete { { workflowExternalId = "unused", version = "1" } }
  end,
  ["executions:run_many"] = function(c)
    local results, errors = c.workflows.executions:run_many { { "wf", "1" }, { "wf", "1" } }
    if next(errors) then return nil, errors[next(errors)] end
    return results
  end,
  ["executions:retrieve"] = function(c, w)
    local execution, err = c.workflows.executions:retrieve(w.execution)
    show(execution)
    return execution, err
  end,
  ["executions:list"] = function(c) return c.workflows.executions:list { status = { "COMPLETED" } } end,
  ["executions:each"] = function(c) return all(c.workflows.executions:each()) end,
  ["executions:cancel"] = function(c, w) return c.workflows.executions:cancel(w.running) end,
  ["executions:retry"] = function(c, w) return c.workflows.executions:retry(w.failed) end,
  ["executions:retry, with a request id"] = function(c, w)
    return c.workflows.executions:retry(w.failed, { request_id = "r" })
  end,
  ["executions:watch"] = function(c, w) return all(c.workflows.executions:watch(w.execution, { timeout = 30 })) end,
  ["executions:wait, cancelling"] = function(c, w) return c:wait(w.running, { timeout = 3, cancel = true }) end,
  ["triggers:upsert"] = function(c)
    return c.workflows.triggers:upsert {
      externalId = "t2", triggerRule = RULE, workflowExternalId = "wf", workflowVersion = "1" }
  end,
  ["triggers:upsert, with a nonce"] = function(c)
    return c.workflows.triggers:upsert({
      externalId = "t3", triggerRule = RULE, workflowExternalId = "wf", workflowVersion = "1" }, { nonce = "none" })
  end,
  ["triggers:list"] = function(c) return c.workflows.triggers:list() end,
  ["triggers:each"] = function(c) return all(c.workflows.triggers:each()) end,
  ["triggers:history"] = function(c) return c.workflows.triggers:history "t" end,
  ["triggers:pause"] = function(c) return c.workflows.triggers:pause "t" end,
  ["triggers:resume"] = function(c) return c.workflows.triggers:resume "t" end,
  ["triggers:delete"] = function(c) return c.workflows.triggers:delete "t" end,
  ["tasks:update"] = function(c) return c.workflows.tasks:update(TASK, "COMPLETED", { a = 1 }) end,
  ["sessions:create"] = function(c) return c.sessions:create() end,
  ["sessions:list"] = function(c) return c.sessions:list() end,
  ["sessions:retrieve"] = function(c, w) return c.sessions:retrieve(w.session) end,
  ["sessions:retrieve, several"] = function(c, w) return c.sessions:retrieve { w.session } end,
  ["sessions:revoke"] = function(c, w) return c.sessions:revoke(w.session) end,
  ["functions:create"] = function(c) return c.functions:create({ name = "f2" }, { zip = "PK" }) end,
  ["functions:retrieve"] = function(c) return c.functions:retrieve "work" end,
  ["functions:retrieve, several"] = function(c)
    return c.functions:retrieve({ "work" }, { ignore_unknown_ids = true })
  end,
  ["functions:list"] = function(c) return c.functions:list() end,
  ["functions:delete"] = function(c) return c.functions:delete "unused" end,
  ["functions:call"] = function(c) return c.functions:call("work", { a = 1 }, { wait = true, timeout = 20 }) end,
  ["calls:retrieve"] = function(c, w) return c.functions.calls:retrieve("work", w.call) end,
  ["calls:list"] = function(c) return c.functions.calls:list "work" end,
  ["calls:response"] = function(c, w) return c.functions.calls:response("work", w.call) end,
  ["calls:logs"] = function(c, w) return c.functions.calls:logs("work", w.call) end,
  ["schedules:create"] = function(c)
    return c.functions.schedules:create { name = "s2", cronExpression = "0 6 * * *", functionExternalId = "work" }
  end,
  ["schedules:retrieve"] = function(c, w) return c.functions.schedules:retrieve(w.schedule) end,
  ["schedules:retrieve, several"] = function(c, w) return c.functions.schedules:retrieve { w.schedule } end,
  ["schedules:list"] = function(c) return c.functions.schedules:list() end,
  ["schedules:input_data"] = function(c, w) return c.functions.schedules:input_data(w.schedule) end,
  ["schedules:delete"] = function(c, w) return c.functions.schedules:delete(w.schedule) end,
  ["files:upload"] = function(c) return c.files:upload({ name = "f" }, "bytes") end,
  ["files:wait_uploaded"] = function(c, w) return c.files:wait_uploaded(w.file) end,
}

-- }====

-- {==== The world, recorded ====

local function version(external_id, number, handler)
  return { workflowExternalId = external_id, version = number, workflowDefinition = { tasks = {
    { externalId = "first", type = "function", retries = 0, parameters = { ["function"] = { externalId = handler } } },
    { externalId = "second", type = "function", parameters = { ["function"] = { externalId = handler } },
      dependsOn = { { externalId = "first" } } },
  } } }
end

local function world()
  local sim = simulator.new { project = "acme-dev", client_id = "svc", client_secret = "s3cr3t" }
  sim:function_handler("work", function(data) return data end)
  sim:function_handler("unused", function(data) return data end)
  sim:function_handler("fail", function() error("it fails", 0) end)
  sim:function_handler("slow", function(data) return data, 1000 end)
  local client = assert(cdf.client(settings(sim:transport())))
  assert(client.workflows:upsert { externalId = "unused" })
  for _, one in ipairs { version("wf", "1", "work"), version("wf", "fails", "fail"), version("wf", "slow", "slow"),
    version("unused", "1", "work") } do
    assert(client.workflows.versions:upsert(one))
  end
  local held = {}
  held.execution = assert(client:wait(assert(client:run("wf", "1")))).id
  held.failed = assert(client:wait(assert(client:run("wf", "fails")))).id
  held.running = assert(client:run("wf", "slow")).id
  assert(client.workflows.triggers:upsert { externalId = "t", triggerRule = RULE, workflowExternalId = "wf",
    workflowVersion = "1" })
  sim:fire_trigger "t"
  held.scheduled = assert(client:schedule { workflow_external_id = "wf", version = "1", cron = "0 6 * * *",
    name = "scheduled" })
  assert(client:schedule { workflow_external_id = "wf", version = "1", cron = "0 6 * * *", via = "function",
    client_credentials = PAIR })
  held.call = assert(client.functions:call("work", {}, { wait = true })).id
  held.schedule = assert(client.functions.schedules:create { name = "s", cronExpression = "0 6 * * *",
    functionExternalId = "work", data = { a = 1 } }).id
  held.session = assert(client.sessions:create()).id
  held.file = assert(client.files:upload({ name = "f" }, "bytes")).id
  return sim, held
end

--- The answers that the method gets when all is well (or CDF refuses, where there is no such task).
local function record(method)
  local sim, held = world()
  local transport, answers = sim:transport(), {}
  local http = transport.http
  function transport:http(request)
    local response = http(self, request)
    answers[#answers + 1] = response
    return response
  end
  method(assert(cdf.client(settings(transport))), held)
  return answers, held
end

-- }====

-- {==== Odd answers ====

--- Adds a copy of the value for each of its parts and each odd value, with that part replaced or taken away.
local function add_odd(list, value, put)
  for _, odd in ipairs(ODD) do list[#list + 1] = put(core.decode(odd)) end
  if type(value) ~= "table" then return end
  for key, part in pairs(value) do
    if type(key) == "string" or key == 1 then
      add_odd(list, part, function(odd)
        local copy = core.is_array(value) and core.array {} or {}
        for name, other in pairs(value) do copy[name] = other end
        copy[key] = odd
        return put(copy)
      end)
    end
  end
end

--- A transport that gives the recorded answers, the one at `at` with another body.
local function replay(answers, at, body)
  local transport = { clock = 1000, count = 0 }
  function transport:now() return self.clock end
  function transport:sleep(seconds) self.clock = self.clock + seconds end
  function transport:http()
    self.count = self.count + 1
    self.clock = self.clock + 0.01
    if self.count > MOST_REQUESTS then return { failure = "connect", sent = false } end
    local answer = answers[math.min(self.count, #answers)]
    if self.count ~= at then return answer end
    return { status = answer.status, headers = answer.headers, body = body }
  end
  return transport
end

--- What is wrong with how the method took the answers, or nil.
local function judge(method, held, transport)
  local ok, result, err = pcall(method, assert(cdf.client(settings(transport))), held)
  if not ok then
    return not (type(result) == "table" and type(result.kind) == "string") and "raised " .. tostring(result) or nil
  end
  if result ~= nil then return nil end
  local told = type(err) == "table" and type(err.kind) == "string" and type(err.message) == "string"
  return not told and "gave no error but " .. tostring(err) or nil
end

-- }====

describe("an odd answer of CDF", function()
  local names, tried = {}, 0
  for name in pairs(METHODS) do names[#names + 1] = name end
  table.sort(names)

  for _, name in ipairs(names) do
    it("raises nothing of Lua's own in " .. name, function()
      local method = METHODS[name]
      local answers, held = record(method)
      assert.is_true(#answers > 0)
      for at, answer in ipairs(answers) do
        local body = answer.body ~= "" and core.decode(answer.body)
        local bodies = {}
        if type(body) == "table" then add_odd(bodies, body, function(odd) return odd end) end
        for i = OWN, #bodies, 2 do
          local odd = bodies[i]
          local text = assert(core.encode(odd))
          local problem = judge(method, held, replay(answers, at, text))
          assert.is_nil(problem, ("%s; answer %d was %s"):format(tostring(problem), at, text:sub(1, 600)))
          tried = tried + 1
        end
      end
    end)
  end

  it("was tried many times", function()
    print(("# %d methods, %d odd answers"):format(#names, tried))
    assert.is_true(tried > 5000)
  end)
end)
