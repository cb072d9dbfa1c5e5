-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- What programs get beside CDF's API: health, figures, reset, the whole state out and in. (Faults, clock and log:
-- server_spec.lua.)

local core = require "cdfworkflow.core"
local server = require "server"

local BASE = "/api/v1/projects/my-project"
local folder, sim

local function run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

local function ask(path, more)
  local said = run(("curl -s --noproxy '*' --max-time 30 -w '\n%%{http_code} %%{content_type}' %s '%s%s'"):format(
    more or "", sim.url, path))
  local body, status, kind = said:match("^(.*)\n(%d+) (.-)$")
  return body, tonumber(status), kind
end

local function json(path, more)
  local body, status = ask(path, more)
  return core.decode(body), status
end

local SIGNED = "-H 'Authorization: Bearer fixed' -H 'Content-Type: application/json' "

local function api(path, body)
  return (json(BASE .. path, SIGNED .. (body and "-d '" .. assert(core.encode(body)) .. "'" or "")))
end

local function start_run()
  local session = api("/sessions", { items = { { tokenExchange = true } } })
  return api("/workflows/w/versions/1/run", { authentication = { nonce = session.items[1].nonce } })
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  assert(file:close())
  return folder .. "/" .. name
end

describe("beside CDF's API", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    sim = server.start { "--clock", "manual", "--token", "fixed", "--fault", "token:503", "--load",
      write("world.lua", [[return {
      functions = { f = function() return { done = true }, 5 end },
      versions = { { workflowExternalId = "w", version = "1", workflowDefinition = { tasks = {
        { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } } } } },
    }]]) }
  end)

  teardown(function()
    sim:stop()
    os.execute("rm -r " .. folder)
  end)

  it("/health says that it serves", function()
    assert.same({ status = "ok", now = sim:advance(0) }, (json "/health"))
    assert.equal(200, (select(2, ask("/health", "--head"))))
    assert.equal(200, (select(2, ask("/health?probe=1"))))
    assert.equal(404, (select(2, ask("/health", "-X POST"))))
  end)

  it("/metrics counts what was answered and what is there, as Prometheus reads it", function()
    local execution = start_run()
    sim:advance(10)
    start_run()
    json("/nowhere")
    local text, status, kind = ask "/metrics"
    assert.same({ 200, "text/plain; version=0.0.4; charset=utf-8" }, { status, kind })
    for _, line in ipairs {
      'cdfworkflow_sim_requests_total{operation="createSessions",status="200"} 2',
      'cdfworkflow_sim_requests_total{operation="none",status="404"} ',
      'cdfworkflow_sim_executions{project="my-project",status="COMPLETED"} 1',
      'cdfworkflow_sim_executions{project="my-project",status="RUNNING"} 1',
      'cdfworkflow_sim_sessions{project="my-project",status="ACTIVE"} 1', "cdfworkflow_sim_faults 1",
      ("cdfworkflow_sim_clock_seconds %.0f\n"):format(sim:advance(0) / 1000),
    } do
      assert.matches("\n" .. line, text, 1, true)
    end
    for line in text:gmatch("[^\n]+") do
      assert.truthy(line:find '^# HELP cdfworkflow_sim_[%l_]+ %u' or line:find '^# TYPE cdfworkflow_sim_[%l_]+ %l+$'
        or line:find '^cdfworkflow_sim_[%l_]+ [%d.e+-]+$' or line:find '^cdfworkflow_sim_[%l_]+{[%l]+=".*"} %d+$', line)
    end
    assert.is_string(execution.id)
  end)

  it("POST /_simulator/reset brings back what was there at the start, and takes nobody's token or id", function()
    local before = start_run()
    api("/workflows", { items = { { externalId = "mine" } } })
    local started = sim:advance(0)
    sim:fault { status = 418 }
    assert.is_true(json("/_simulator/reset", "-X POST").now < started)
    assert.equal(503, (select(2, ask("/oauth2/token", "-d x=1")))) -- the fault of the command line
    assert.equal(400, (select(2, ask("/oauth2/token", "-d x=1"))))
    assert.same({ "w" }, { api("/workflows").items[1].externalId, api("/workflows").items[2] })
    assert.equal(0, #api("/workflows/executions/list", { limit = 10 }).items)
    local execution = start_run()
    assert.not_equal(before.id, execution.id)
    sim:advance(5)
    assert.equal("COMPLETED", api("/workflows/executions/" .. execution.id).status)
  end)

  it("GET and PUT /_simulator/state take everything out and in again", function()
    local execution = start_run()
    local saved, status, kind = ask "/_simulator/state"
    assert.same({ 200, "application/x-ndjson" }, { status, kind })
    for line in saved:gmatch("[^\n]+") do assert(core.decode(line)) end
    local now = sim:advance(100)
    json("/_simulator/reset", "-X POST")
    assert.equal(404, api("/workflows/executions/" .. execution.id).error.code)
    local path = write("saved", saved)
    local answer = json("/_simulator/state", "-X PUT --data-binary @" .. path)
    assert.equal(now - 100000, answer.now)
    assert.equal("RUNNING", api("/workflows/executions/" .. execution.id).status)
    sim:advance(5)
    assert.equal("COMPLETED", api("/workflows/executions/" .. execution.id).status)
  end)

  it("PUT /_simulator/state refuses what is none, and changes nothing then", function()
    local execution = start_run()
    local saved = ask "/_simulator/state"
    local function lines(...) return table.concat({ ... }, "\n") .. "\n" end
    for text, message in pairs {
      ["{}\n"] = "what was sent is no state of cdfworkflow-sim", [""] = "what was sent is no state",
      [saved:sub(1, 200) .. "\n"] = "what was sent is damaged",
      [lines('{"cdfworkflow-sim state":2}', '{"bytes":28,"sum":"7ea8087d"}')] = "",
    } do
      local answer, status = json("/_simulator/state", "-X PUT --data-binary @" .. write("bad", text))
      assert.equal(400, status)
      assert.matches(message, answer.error.message, 1, true)
    end
    assert.equal("RUNNING", api("/workflows/executions/" .. execution.id).status)
  end)

  it("takes a state that is larger than any other body", function()
    assert.equal(400, (select(2, ask("/_simulator/state", "-X PUT --data-binary @"
      .. write("large", ('{"cdfworkflow-sim state":2}\n'):rep(800000))))))
    assert.equal(413, (select(2, ask("/_simulator/fault", "--data-binary @" .. folder .. "/large"))))
  end)

  it("keeps the seam from pages", function()
    for _, path in ipairs { "/_simulator/state", "/_simulator/fault" } do
      assert.equal(403, (select(2, ask(path, "-H 'Host: rebound.example'"))))
      assert.equal(403, (select(2, ask(path, "-H 'Origin: http://page.example'"))))
    end
    assert.equal(403, (select(2, ask("/_simulator/reset", "-X POST -H 'Origin: " .. sim.url .. "'"))))
    for site, status in pairs { ["cross-site"] = 403, ["same-site"] = 403, ["same-origin"] = 403, none = 200 } do
      assert.equal(status, (select(2, ask("/_simulator/fault", "-H 'Sec-Fetch-Site: " .. site .. "'"))))
    end
  end)
end)
