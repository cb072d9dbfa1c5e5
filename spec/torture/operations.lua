-- SPDX-License-Identifier: Apache-2.0
-- The operations that torture.c runs with failing memory, and what must come of them: the usual result, or an error.
-- Most are first carried out against the embedded CDF, whose answers are then played back, so that what is tortured
-- is the client and not the simulator.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local simulator = require "cdfworkflow.simulator"

if jit then jit.off() end -- a trace of LuaJIT's that runs out of memory crashes LuaJIT itself

-- The embedded CDF's clock: what was started is looked for from a time on that both agree on.
core.time = function() return 1767225600 end

local M = { operations = {} }

local SECRET = "canary-secret-7531"
local STUB = "http://127.0.0.1:" .. stub_port -- luacheck: globals stub_port

-- {==== Judging ====

--- Any value as one text, in the same order every time.
local function picture(value)
  if type(value) ~= "table" then return type(value) .. ":" .. tostring(value) end
  local parts = {}
  for key, member in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. picture(member) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

local function complaint(expected, ok, result, err)
  if not ok then
    -- Lua raises this when its own memory is out; an iterator of the library raises error tables.
    if type(err) == "table" then return complaint(expected, true, nil, err) end
    if not tostring(err):find("not enough memory", 1, true) then return "raised " .. tostring(err) end
  elseif result ~= nil then
    local shown = picture(result)
    if shown ~= expected then return "gave " .. shown .. " instead of " .. expected end
  elseif type(err) == "string" then
    if err == "" then return "gave nil and an empty message" end
  elseif type(err) ~= "table" or type(err.kind) ~= "string" or type(err.message) ~= "string" then
    return "gave nil and no error"
  end
  if picture(err):find(SECRET, 1, true) then return "the secret is in the error" end
end

--- Whether what came of the tortured run is a finding; as text.
function M.judge(expected, ok, result, err)
  if not ok then result, err = nil, result end
  return complaint(expected, ok, result, err)
end

--- The same context must serve at once, now that there is memory.
function M.again(operation, context, expected)
  if operation.once then return end
  if context.transport then context.transport:rewind() end
  local ok, result, err = pcall(operation.run, context)
  if not ok then return "did not work afterwards: raised " .. tostring(result) end
  if result == nil then return "did not work afterwards: " .. tostring(err) end
  local shown = picture(result)
  if shown ~= expected then return "gave " .. shown .. " afterwards, not " .. expected end
end

function M.finish(_, context)
  if context.client then context.client:close() end
end

--- Runs the operation once in peace and gives the picture of its result.
function M.rehearse(operation)
  if operation.record then operation:record() end
  for _ = 1, 2 do
    local context = operation:prepare()
    local result, err = operation.run(context)
    if result == nil then error(operation.name .. ": " .. tostring(err)) end
    operation.expected = picture(result)
    M.finish(operation, context)
  end
  return operation.expected
end

-- }====

-- {==== Played back from the simulator ====

local Playback = {}
Playback.__index = Playback

function Playback:rewind() self.played = {} end

function Playback:now()
  self.clock = self.clock + 0.001
  return self.clock
end

function Playback:sleep(seconds) self.clock = self.clock + seconds end

function Playback:http(request)
  local key = request.method .. " " .. request.url
  local answers = self.tape[key]
  if not answers then return { failure = "connect", sent = false, message = "no answer on tape for " .. key } end
  local position = math.min((self.played[key] or 0) + 1, #answers)
  self.played[key] = position
  return answers[position]
end

local function playback(tape)
  return setmetatable({ tape = tape, played = {}, clock = 1000 }, Playback)
end

local function recorder(sim, tape)
  local inner = sim:transport()
  return {
    now = function() return inner:now() end,
    sleep = function(_, seconds) inner:sleep(seconds) end,
    http = function(_, request)
      local key = request.method .. " " .. request.url
      local answer = inner:http(request)
      tape[key] = tape[key] or {}
      table.insert(tape[key], answer)
      return answer
    end,
  }
end

local BASE_URL = "https://cdf.example"

local function new_client(transport, credentials)
  return assert(cdf.client({
    project = "p", base_url = BASE_URL, transport = transport, max_retries = 1,
    credentials = credentials or assert(cdf.credentials({
      client_id = "id", client_secret = SECRET, token_url = BASE_URL .. "/oauth2/token",
    })),
  }))
end

local function new_simulator()
  return simulator.new({
    project = "p", client_id = "id", client_secret = SECRET,
    functions = { f = function(data) return data, 5 end }, -- seconds that it takes
  })
end

--- An operation on a client. `before` makes what it needs in the simulator and returns it for `run`'s context.
local function on_client(name, run, before, options)
  options = options or {}
  table.insert(M.operations, {
    name = name, once = options.once,
    run = run,
    record = function(self)
      local sim, tape = new_simulator(), {}
      local owner = new_client(sim:transport())
      self.given = before and before(owner, sim) or nil
      self.tape = tape
      local result, err = run({ client = new_client(recorder(sim, tape)), given = self.given })
      if result == nil then error(name .. ": " .. tostring(err), 0) end
    end,
    prepare = function(self)
      local transport = playback(self.tape)
      return {
        client = new_client(transport, options.credentials and options.credentials()),
        transport = transport, given = self.given,
      }
    end,
  })
end

--- An operation with nothing but its own arguments.
local function plain(name, run, prepare)
  table.insert(M.operations, { name = name, run = run, prepare = prepare or function() return {} end })
end

-- }====

-- {==== Values ====

local VALUE = { a = { 1, 2.5, "x\n\"é", core.null, true }, b = core.array(), c = { d = { e = {} } }, [""] = "" }

plain("core.encode", function() return #assert(core.encode(VALUE)) end)
plain("core.encode, refused", function()
  local _, message = core.encode({ a = { { b = 0 / 0 } } })
  return message
end)
plain("core.encode, large", function(context) return #assert(core.encode(context.list)) end, function()
  local list = {}
  for i = 1, 2000 do list[i] = i end
  return { list = list }
end)
plain("core.decode", function() return core.decode('{"a":[1,2.5,"x\\n\\u00e9",null,[],{"b":[[]]}]}') end)
plain("core.decode, refused", function()
  local _, message = core.decode('{"a":[[],}')
  return message
end)
plain("core.array, is_array", function() return core.is_array(core.array({ 1 })) end)
plain("core.segment, form", function() return { core.segment("id", "a/é b"), core.form("a b&") } end)
plain("core.segment, refused", function()
  local _, err = core.segment("id", " a")
  return err
end)

--- A folder of its own, with files in it.
local function with_files()
  local path = os.tmpname()
  os.remove(path)
  local folder = assert(core.folder(path))
  for i = 1, 150 do assert(folder:write("f" .. i, ("x"):rep(i), i)) end
  folder:close()
  return { path = path }
end

plain("core.folder, scan", function(context)
  local folder = assert(core.folder(context.path))
  local scan = assert(folder:scan(40))
  local more, message
  repeat more, message = scan:step(7) until not more
  if message then return nil, message end
  local names, _, files, bytes = scan:result()
  return { #names, names[1], files, bytes }
end, with_files)
plain("core.folder, read and write", function(context)
  collectgarbage() -- what held the lock when there was no memory lets go of it
  local folder = assert(core.folder(context.path))
  folder:remove "new"
  local done, message = folder:write("new", ("x"):rep(20000))
  if not done then return nil, message end
  local text
  text, message = folder:read("new", 1e6)
  if not text then return nil, message end
  local locked
  locked, message = folder:lock("f1", false, false)
  if not locked then return nil, message or "locked" end
  local inner
  inner, message = locked:read(100)
  locked:close()
  return inner and { #text, inner }, message
end, with_files)
plain("cdf.credentials, token", function() return tostring(cdf.credentials({ token = "abc" })) end)
plain("cdf.credentials, function", function() return tostring(cdf.credentials({ token = function() end })) end)
plain("cdf.credentials, Entra ID", function()
  return tostring(cdf.credentials({ client_id = "id", client_secret = SECRET, tenant_id = "t", scopes = { "a", "b" } }))
end)
plain("cdf.credentials, refused", function()
  local _, err = cdf.credentials({ token = "a b" })
  return err
end)
plain("cdf.client", function()
  return tostring(cdf.client({ project = "p", cluster = "c", credentials = cdf.credentials({ token = "abc" }) }))
end)

plain("cdf.json, cdf.encode, cdf.decode", function()
  local text, err = cdf.encode({ a = cdf.json '{"b": [ 1 ]}', c = { cdf.array {} } })
  if not text then return nil, err end
  return cdf.decode(text)
end)
plain("cdf.from_env", function()
  local _, err = cdf.from_env({ project = "p", cluster = "c" })
  return err.message
end)
plain("cdf.definition, lint, graph", function()
  local definition = cdf.definition({ tasks = {
    cdf.task.fn({ externalId = "a", functionExternalId = "f", data = { x = "${workflow.input.x}" } }),
    cdf.task.fn({ externalId = "b", functionExternalId = "f", dependsOn = { "a", "none" } }),
  } })
  return { cdf.lint(definition), cdf.graph(definition, "text"), cdf.graph(definition, "mermaid") }
end)

-- }====

-- {==== The client ====

local VERSION = {
  workflowExternalId = "wf", version = "1",
  workflowDefinition = { tasks = { {
    externalId = "t", type = "function",
    parameters = { ["function"] = { externalId = "f", data = { x = "${workflow.input.x}" } } },
  } } },
}

local function a_version(owner)
  assert(owner.workflows:upsert({ externalId = "wf" }))
  assert(owner.workflows.versions:upsert(VERSION))
end

local function an_execution(owner)
  a_version(owner)
  return assert(owner:run("wf", "1", { input = { x = 1 } }))
end

on_client("auth", function(c)
  local result, err = c.client:auth()
  return result and result.tokenType, err
end)
on_client("auth, token function", function(c)
  local result, err = c.client:auth()
  return result and result.tokenType, err
end, nil, {
  credentials = function() return cdf.credentials({ token = function() return "abc", os.time() + 100 end }) end,
})
on_client("auth, assertion in a file", function(c)
  local result, err = c.client:auth()
  return result and result.tokenType, err
end, nil, {
  credentials = function()
    return assert(cdf.credentials({ client_id = "id", token_url = BASE_URL .. "/oauth2/token",
      client_assertion_file = "build/torture/assertion" })) -- run.sh makes it
  end,
})
on_client("run", function(c)
  return c.client:run("wf", "1", { input = { x = { 1, 2 } }, metadata = { a = "b" } })
end, a_version)
on_client("run, other credentials", function(c)
  return c.client:run("wf", "1", { client_credentials = { client_id = "id", client_secret = SECRET } })
end, a_version)
on_client("run, request_id", function(c) return c.client:run("wf", "1", { request_id = "r-1" }) end, a_version)
on_client("run, look_back", function(c)
  return c.client:run("wf", "1", { request_id = "r-1", look_back = 600 })
end, function(owner)
  a_version(owner)
  assert(owner:run("wf", "1", { request_id = "r-1" }))
end)

--- What one that needs doing before becomes, and a fault that meets it once.
local function with_fault(before, fault)
  return function(owner, sim)
    local given = before(owner, sim)
    sim:fault(fault)
    return given
  end
end

local UPSTREAM = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
local PAGE = "<html>not here</html>"

on_client("run, request_id, the answer lost", function(c)
  return c.client:run("wf", "1", { request_id = "r-1" })
end, with_fault(a_version, { match = { operation = "run" }, drop = "after" }))
on_client("run, request_id, a balancer's 503", function(c)
  return c.client:run("wf", "1", { request_id = "r-1" })
end, with_fault(a_version, { match = { operation = "run" }, status = 503, body = UPSTREAM }))
on_client("run, a balancer's 503", function(c)
  local execution, err = c.client:run("wf", "1")
  if execution or err.kind ~= "ambiguous" then return execution, err end
  return err.message
end, with_fault(a_version, { match = { operation = "run" }, status = 503, body = UPSTREAM }))
on_client("run, request_id, kept by a proxy", function(c)
  local execution, err = c.client:run("wf", "1", { request_id = "r-1" })
  if execution or err.kind ~= "api" then return execution, err end
  return { err.status, err.message }
end, with_fault(a_version, { match = { operation = "run" }, status = 403, body = PAGE }))
on_client("run, refused", function(c)
  local execution, err = c.client:run("none", "1")
  if execution or err.kind ~= "api" then return execution, err end
  return { err.status, err.code, err.message }
end)
on_client("run, invalid", function(c)
  local execution, err = c.client:run("wf", "1", { input = { a = { 0 / 0 } } })
  if execution or err.kind ~= "invalid" then return execution, err end
  return err.message
end)
on_client("wait", function(c)
  local execution, err = c.client:wait(c.given)
  return execution and execution.status, err
end, an_execution)
on_client("watch", function(c)
  local kinds = {}
  for event in c.client.workflows.executions:watch(c.given) do kinds[#kinds + 1] = event.type end
  return kinds
end, an_execution)
on_client("executions: retrieve", function(c)
  local execution, err = c.client.workflows.executions:retrieve(c.given.id)
  return execution and execution.id, err
end, an_execution)
on_client("executions: list", function(c)
  return c.client.workflows.executions:list({ workflowFilters = { { externalId = "wf" } }, status = { "RUNNING" } })
end, an_execution)
on_client("executions: each", function(c)
  local ids = {}
  for execution in c.client.workflows.executions:each({ limit = 3 }) do ids[#ids + 1] = execution.id end
  return ids
end, an_execution)
on_client("executions: cancel", function(c)
  local execution, err = c.client.workflows.executions:cancel(c.given.id, "because")
  return execution and execution.status, err
end, an_execution)
local function cancelled(owner)
  local execution = an_execution(owner)
  assert(owner.workflows.executions:cancel(execution.id))
  return execution
end

on_client("executions: retry", function(c)
  local execution, err = c.client.workflows.executions:retry(c.given.id)
  return execution and execution.id, err
end, cancelled)

on_client("executions: retry, request_id, the answer lost", function(c)
  local execution, err = c.client.workflows.executions:retry(c.given.id, { request_id = "r-1" })
  return execution and execution.status, err
end, with_fault(cancelled, { match = { path = "/retry$" }, drop = "after" }))

on_client("executions: run_many", function(c)
  local list = { { "wf", "1", { request_id = "a" } }, { "none", "1" }, { "wf", "1", { input = { x = 1 } } } }
  local results, errors = c.client.workflows.executions:run_many(list)
  -- Where the memory for one of them was out, its error tells; that and nothing else.
  for i in ipairs(list) do
    local err = errors[i]
    if i ~= 2 and err then
      if type(err) ~= "table" then error(err, 0) end
      return nil, err
    end
  end
  if type(errors[2]) ~= "table" then error(errors[2], 0) end
  if errors[2].kind ~= "api" then return nil, errors[2] end
  return { results[1].status, errors[2].status, results[3].status }
end, a_version)

on_client("workflows: each", function(c)
  local ids = {}
  for workflow in c.client.workflows:each() do ids[#ids + 1] = workflow.externalId end
  return ids
end, a_version)
on_client("workflows: upsert", function(c)
  return c.client.workflows:upsert({ externalId = "new", description = "é" })
end)
on_client("workflows: retrieve", function(c) return c.client.workflows:retrieve("wf") end, a_version)
on_client("workflows: list", function(c) return c.client.workflows:list() end, a_version)
on_client("workflows: delete", function(c)
  return c.client.workflows:delete({ "wf", "none" }, { ignore_unknown_ids = true })
end, a_version)
on_client("versions: upsert", function(c) return c.client.workflows.versions:upsert(VERSION) end, a_version)
on_client("versions: retrieve", function(c) return c.client.workflows.versions:retrieve("wf", "1") end, a_version)
on_client("versions: list", function(c) return c.client.workflows.versions:list() end, a_version)
on_client("versions: each", function(c)
  local versions = {}
  for version in c.client.workflows.versions:each() do versions[#versions + 1] = version.version end
  return versions
end, a_version)
on_client("versions: delete", function(c)
  return c.client.workflows.versions:delete({ { workflowExternalId = "wf", version = "1" } })
end, a_version)

local TRIGGER = {
  externalId = "tr", workflowExternalId = "wf", workflowVersion = "1", input = { x = 1 },
  triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" },
}

local function a_trigger(owner)
  a_version(owner)
  return assert(owner.workflows.triggers:upsert(TRIGGER))
end

on_client("triggers: upsert", function(c) return c.client.workflows.triggers:upsert(TRIGGER) end, a_version)
on_client("triggers: upsert, the answer lost", function(c) return c.client.workflows.triggers:upsert(TRIGGER) end,
  with_fault(a_version, { match = { method = "POST", path = "/workflows/triggers$" }, drop = "after" }))
on_client("triggers: upsert, own nonce, the answer lost", function(c)
  return c.client.workflows.triggers:upsert(TRIGGER, { nonce = c.given.nonce })
end, with_fault(function(owner)
  a_version(owner)
  return assert(owner.sessions:create())
end, { match = { method = "POST", path = "/workflows/triggers$" }, drop = "after" }))
on_client("triggers: list", function(c) return c.client.workflows.triggers:list() end, a_trigger)
on_client("triggers: each", function(c)
  local ids = {}
  for trigger in c.client.workflows.triggers:each() do ids[#ids + 1] = trigger.externalId end
  return ids
end, a_trigger)
on_client("triggers: history", function(c) return c.client.workflows.triggers:history("tr") end, a_trigger)
on_client("triggers: pause", function(c) return c.client.workflows.triggers:pause("tr") end, a_trigger)
on_client("triggers: resume", function(c) return c.client.workflows.triggers:resume("tr") end, a_trigger)
on_client("triggers: delete", function(c) return c.client.workflows.triggers:delete("tr") end, a_trigger)
on_client("sessions: create", function(c)
  local session, err = c.client.sessions:create()
  return session and session.status, err
end)
on_client("sessions: list", function(c) return c.client.sessions:list() end, function(owner)
  assert(owner.sessions:create())
end)
on_client("sessions: retrieve", function(c) return c.client.sessions:retrieve(c.given.id) end, function(owner)
  return assert(owner.sessions:create())
end)
on_client("sessions: revoke", function(c) return c.client.sessions:revoke({ c.given.id }) end, function(owner)
  return assert(owner.sessions:create())
end)
on_client("functions: retrieve", function(c) return c.client.functions:retrieve("f") end)
on_client("functions: list", function(c) return c.client.functions:list() end)
on_client("functions: call", function(c)
  local call, err = c.client.functions:call("f", { x = 1 })
  return call and call.status, err
end)
on_client("functions: create", function(c)
  local made, err = c.client.functions:create({ name = "g", secrets = { a = "b" } }, { zip = "PK" })
  return made and made.name, err
end)
on_client("functions: delete", function(c) return c.client.functions:delete("f") end)

local function a_call(owner) return assert(owner.functions:call("f", { x = 1 })) end

on_client("calls: retrieve", function(c) return c.client.functions.calls:retrieve("f", c.given.id) end, a_call)
on_client("calls: list", function(c) return c.client.functions.calls:list("f") end, a_call)
on_client("calls: response", function(c) return c.client.functions.calls:response("f", c.given.id) end, a_call)
on_client("calls: logs", function(c) return c.client.functions.calls:logs("f", c.given.id) end, a_call)

local SCHEDULE = { name = "s", functionExternalId = "f", cronExpression = "0 0 * * *", data = { x = 1 } }

local function a_schedule(owner) return assert(owner.functions.schedules:create(SCHEDULE)) end

on_client("schedules: retrieve", function(c)
  return c.client.functions.schedules:retrieve({ c.given.id })
end, a_schedule)
on_client("schedules: list", function(c) return c.client.functions.schedules:list() end, a_schedule)
on_client("schedules: input_data", function(c)
  return c.client.functions.schedules:input_data(c.given.id)
end, a_schedule)
on_client("schedules: delete", function(c)
  return c.client.functions.schedules:delete(c.given.id)
end, a_schedule)
on_client("schedules: create", function(c)
  local made, err = c.client.functions.schedules:create(SCHEDULE)
  return made and made.name, err
end)
local BY_TRIGGER = { workflow_external_id = "wf", version = "1", cron = "0 0 * * *", input = { x = 1 } }

on_client("client:schedule", function(c)
  local made, err = c.client:schedule(BY_TRIGGER)
  return made and "made", err
end, a_version)
on_client("client:schedule, by function", function(c)
  local made, err = c.client:schedule({
    workflow_external_id = "wf", version = "1", cron = "0 0 * * *", via = "function",
    client_credentials = { client_id = "id", client_secret = SECRET },
  })
  return made and "made", err
end, a_version)
on_client("client:schedules", function(c)
  local found, err = c.client:schedules()
  return found and #found, err
end, function(owner)
  a_version(owner)
  return assert(owner:schedule(BY_TRIGGER))
end)
on_client("client:unschedule", function(c) return c.client:unschedule(c.given) end, function(owner)
  a_version(owner)
  return assert(owner:schedule(BY_TRIGGER))
end)
on_client("tasks: update", function(c)
  local updated, err = c.client.workflows.tasks:update(c.given.executedTasks[1].id, "COMPLETED", { x = 1 })
  return updated and updated.status, err
end, function(owner, sim)
  assert(owner.workflows:upsert({ externalId = "wf" }))
  assert(owner.workflows.versions:upsert({
    workflowExternalId = "wf", version = "1", workflowDefinition = cdf.definition({ tasks = {
      cdf.task.fn({ externalId = "t", functionExternalId = "f", isAsyncComplete = true }),
    } }),
  }))
  local execution = assert(owner:run("wf", "1"))
  sim:advance(10)
  return assert(owner.workflows.executions:retrieve(execution.id))
end)
on_client("client:request", function(c)
  return c.client:request("GET", "/workflows", nil, { query = { limit = 5 } })
end, a_version)

-- }====

-- {==== Over the wire ====

--- An operation against the server of stub.c, through libcurl. `once`: it leaves the client as nothing else may.
local function over_the_wire(name, run, options)
  table.insert(M.operations, {
    name = name, run = run, once = options and options.once,
    prepare = function()
      return {
        client = assert(cdf.client({
          project = "p", base_url = options and options.base_url or STUB, max_retries = 0, max_response_size = 50000,
          timeout = 5,
          credentials = assert(cdf.credentials({
            client_id = "id", client_secret = SECRET, token_url = STUB .. "/token",
          })),
        })),
      }
    end,
  })
end

over_the_wire("libcurl: run", function(c) return c.client:run("wf", "1", { input = { x = 1 } }) end)
over_the_wire("libcurl: auth", function(c)
  local result, err = c.client:auth()
  return result and result.tokenType, err
end)
over_the_wire("libcurl: request", function(c) return c.client:request("POST", "/x/list", { limit = 1 }) end)
over_the_wire("libcurl: refused", function(c)
  local result, err = c.client:request("GET", "/refused")
  if result or err.kind ~= "api" then return result, err end
  return { err.status, err.message, err.missing }
end)
over_the_wire("libcurl: too large", function(c)
  local result, err = c.client:request("GET", "/large")
  if result or err.kind ~= "protocol" or not err.message:find("^GET /large") then return result, err end
  return err.kind
end)
over_the_wire("libcurl: no server", function(c)
  local result, err = c.client:request("GET", "/x")
  if result or err.kind ~= "transport" then return result, err end
  return err.kind
end, { base_url = "http://127.0.0.1:1" })
over_the_wire("libcurl: gather", function(c)
  local function one() return c.client:request("GET", "/x") end
  local results, errors = cdf.gather(one, one, one)
  for i = 1, 3 do
    if not results[i] then return nil, errors[i] end
  end
  return results
end)
over_the_wire("libcurl: closed while under way", function(c)
  local made = core.request(c.client.core, "GET", "/x", nil, {})
  local action, value = made:step("start", core.now())
  while action == "http" and made do
    local http = core.http({ max_connections = 2 })
    http:submit(value)
    http:step()
    http:close()
    made = nil
  end
  return action
end, { once = true })

-- }====

return M
