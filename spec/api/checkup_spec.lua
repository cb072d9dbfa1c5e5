-- SPDX-License-Identifier: Apache-2.0
-- client:check{…}, against the simulator: by HTTP for the way, in process for all that CDF may say.

local Script = require "script"
local cdf = require "cdfworkflow"
local certificates = require "certificates"
local core = require "cdfworkflow.core"
local server = require "server"
local simulator = require "cdfworkflow.simulator"
local wire = require "wire"

local RIGHTS = { "sessionsAcl:CREATE", "workflowOrchestrationAcl:READ", "workflowOrchestrationAcl:WRITE" }

local function by_what(findings)
  local found, order = {}, {}
  for i, finding in ipairs(findings) do
    found[finding.what], order[i] = finding, finding.what
  end
  return found, order
end

local function bad(findings)
  local list = {}
  for _, finding in ipairs(findings) do
    if not finding.ok then list[#list + 1] = finding.what .. ": " .. finding.message end
  end
  return list
end

local function function_task(id, data)
  return cdf.task.fn { externalId = id, functionExternalId = "f", data = data }
end

--- A simulator at the time of now, and a client of its principal `who`, or with a token.
local function world(options)
  options = options or {}
  local sim = simulator.new {
    project = "demo", clock = math.floor(core.time() * 1000), client_id = "svc", client_secret = "s3cr3t",
    tokens = { "ready-made" }, principals = options.principals, projects = options.projects,
  }
  local credentials = options.credentials
    or { client_id = "svc", client_secret = "s3cr3t", token_url = "http://localhost/oauth2/token" }
  local transport = sim:transport()
  local http = transport.http
  function transport:http(request)
    local response = http(self, request)
    if response.headers then response.headers.date = options.date or os.date "!%a, %d %b %Y %H:%M:%S GMT" end
    return response
  end
  return assert(cdf.client {
    project = options.project or "demo", base_url = "http://localhost", transport = transport,
    credentials = assert(cdf.credentials(credentials)),
  }), sim
end

local function put(sim, version, tasks)
  local c = assert(cdf.client { project = "demo", base_url = "http://localhost", transport = sim:transport(),
    credentials = assert(cdf.credentials { token = "ready-made" }) })
  assert(c.workflows:upsert { externalId = "w" })
  assert(c.workflows.versions:upsert { workflowExternalId = "w", version = version,
    workflowDefinition = { tasks = tasks or { function_task "a" } } })
end

describe("client:check", function()
  it("finds everything in order, by HTTP, and starts nothing", function()
    local child = server.start { "--project", "demo", "--client-id", "svc", "--client-secret", "s3cr3t" }
    finally(function() child:stop() end)
    local c = assert(cdf.client { project = "demo", base_url = child.url, proxy = "",
      credentials = assert(cdf.credentials { client_id = "svc", client_secret = "s3cr3t",
        token_url = child.url .. "/oauth2/token" }) })
    assert(c.workflows:upsert { externalId = "w" })
    assert(c.workflows.versions:upsert { workflowExternalId = "w", version = "3",
      workflowDefinition = { tasks = { function_task "a" } } })
    local findings = c:check { workflow_external_id = "w", version = "3", input = { site = "north" } }
    assert.same({}, bad(findings))
    local found, order = by_what(findings)
    if found.clock then table.remove(order, 5) end -- where the simulator tells the time
    assert.same({ "name resolution", "connection", "TLS", "token", "project", RIGHTS[1], RIGHTS[2], RIGHTS[3],
      "version 3", "lint", "input", "session" }, order)
    assert.matches("^trusted: 127%.0%.0%.1:%d+ %(http to this machine%)$", found.TLS.message)
    assert.equal("good for 60 min", found.token.message)
    assert.matches("client credentials, those of svc", found.session.message)
    for _, entry in ipairs(child:log()) do
      assert.is_nil(entry.path:find "/run$")
      assert.is_nil(entry.path:find "/sessions")
    end
  end)

  it("names what is in the way: the name, the connection, the trust", function()
    local function found_at(url, options)
      local c = assert(cdf.client { project = "demo", base_url = url, proxy = "", timeout = 3, max_retries = 0,
        ca_file = options and options.ca_file, credentials = assert(cdf.credentials { token = "secret-token" }) })
      return c:check()
    end
    local found, order = by_what(found_at "https://nobody.invalid")
    assert.same({ "name resolution", "token" }, order) -- what lies behind is not guessed at
    assert.is_false(found["name resolution"].ok)
    assert.matches("^nobody.invalid: .*nobody.invalid", found["name resolution"].message)

    found, order = by_what(found_at "http://127.0.0.1:9")
    assert.same({ "name resolution", "connection", "token" }, order)
    assert.is_true(found["name resolution"].ok)
    assert.is_false(found.connection.ok)

    local authority = certificates.new()
    authority:issue "good"
    local tls = wire.serve(([[
      local connection = ...
      local function read_file(file) return assert(io.open(%q .. "/" .. file)):read "*a" end
      local context = require("openssl.ssl.context").new("TLS", true)
      context:setCertificate(require("openssl.x509").new(read_file "good.pem"))
      context:setPrivateKey(require("openssl.pkey").new(read_file "good.key"))
      if not connection:starttls(context) then return end
      for _ in function() return read(connection) end do reply(connection, 200, '{"subject":"x"}') end
    ]]):format(authority.folder), "later")
    finally(function()
      tls:stop()
      authority:remove()
    end)
    local url = tls.url:gsub("^http:", "https:")
    found, order = by_what(found_at(url))
    assert.same({ "name resolution", "connection", "TLS", "token" }, order)
    assert.is_true(found.connection.ok)
    assert.is_false(found.TLS.ok)
    found = by_what(found_at(url, { ca_file = authority.ca_file }))
    assert.is_true(found.TLS.ok)
    assert.is_false(found.project.ok) -- an answer without the project in it
  end)

  it("tells a token that is refused from CDF that is away", function()
    local c = world { credentials = { client_id = "svc", client_secret = "wrong",
      token_url = "http://localhost/oauth2/token" } }
    local found, order = by_what(c:check { workflow_external_id = "w" })
    assert.is_false(found.token.ok)
    assert.matches("invalid_client", found.token.message)
    assert.same({ "name resolution", "connection", "TLS", "token", "clock" }, order) -- CDF answers all the same
    found = by_what(world { credentials = { token = "stale" } }:check())
    assert.is_false(found.token.ok)
    found = by_what(world { credentials = { token = "ready-made" } }:check())
    assert.equal("its end is not known", found.token.message)
  end)

  it("asks for a token of its own, so that one in hand hides nothing, and leaves that alone", function()
    local c, sim = world()
    assert(c:auth())
    sim:fault { match = { operation = "issueToken", times = 1 }, status = 401 }
    assert.is_false(by_what(c:check()).token.ok)
    assert(c.workflows:list())
  end)

  it("says how far the clocks are apart", function()
    assert.equal("this machine and CDF agree within a second", by_what(world():check()).clock.message)
    local function message(seconds)
      local finding = by_what(world { date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + seconds) }:check()).clock
      return finding.ok, finding.message
    end
    local ok, said = message(300)
    assert.is_false(ok)
    assert.matches("^this machine is %d%d%d s behind CDF: set its clock", said)
    ok, said = message(-20)
    assert.is_true(ok)
    assert.matches("^this machine is %d+ s ahead of CDF$", said)
  end)

  it("names the rights that are missing, and the project that is out of reach", function()
    local reader = { client_id = "reader", client_secret = "r",
      capabilities = { workflowOrchestrationAcl = { "READ" } } }
    local credentials = { client_id = "reader", client_secret = "r", token_url = "http://localhost/oauth2/token" }
    assert.same({
      "sessionsAcl:CREATE: missing: a run needs a session",
      "workflowOrchestrationAcl:WRITE: missing: starting a run needs it",
    }, bad(world({ principals = { reader }, credentials = credentials }):check()))
    local stranger = { client_id = "stranger", client_secret = "s", projects = { "elsewhere", "there" } }
    credentials.client_id, credentials.client_secret = "stranger", "s"
    local list = bad(world({ principals = { stranger }, credentials = credentials,
      projects = { "demo", "elsewhere", "there" } }):check())
    assert.equal("project: this login does not reach the project demo; it reaches elsewhere, there", list[1])
    assert.equal(4, #list) -- rights elsewhere are no rights here
  end)

  it("reads the scopes that CDF has", function()
    local function found(capabilities)
      local script = Script.new { { status = 200, body = core.encode {
        subject = "x", projects = { { projectUrlName = "p", groups = { 1 } } }, capabilities = capabilities } } }
      return by_what(assert(cdf.client { project = "p", base_url = "http://localhost", transport = script,
        credentials = assert(cdf.credentials { token = "t" }) }):check())
    end
    local findings = found {
      { sessionsAcl = { actions = { "LIST", "CREATE" }, scope = { all = {} } }, projectScope = { allProjects = {} } },
      { workflowOrchestrationAcl = { actions = { "READ" }, scope = { datasetScope = { ids = { 1 } } } },
        projectScope = { projects = { "p" } } },
      { workflowOrchestrationAcl = { actions = { "WRITE" }, scope = { all = {} } },
        projectScope = { projects = { "q" } } },
    }
    assert.equal("granted", findings[RIGHTS[1]].message)
    assert.equal("granted for a part only (datasetScope)", findings[RIGHTS[2]].message)
    assert.is_false(findings[RIGHTS[3]].ok)
    for _, odd in ipairs { 5, "x", { 5, cdf.null, {}, { sessionsAcl = 5, projectScope = 5 } }, cdf.null } do
      assert.is_false(found(odd)[RIGHTS[1]].ok)
    end
  end)

  it("looks for the version, lints it and looks at the input", function()
    local c, sim = world()
    assert.equal("version: the workflow w has no version",
      bad(c:check { workflow_external_id = "w" })[1])
    put(sim, "1", { function_task("a", { site = "${workflow.input.site}", days = { "${workflow.input.days[0]}" } }) })
    local found = by_what(c:check { workflow_external_id = "w" })
    assert.is_true(found["version 1"].ok)
    assert.equal("nothing to say", found.lint.message)
    assert.is_nil(found.input)
    assert.same({ "input: lacks what the definition asks for: days" },
      bad(c:check { workflow_external_id = "w", input = { site = "north" } }))
    assert.same({}, bad(c:check { workflow_external_id = "w", input = cdf.json '{"site":1,"days":[]}' }))
    assert.matches("^input: input is larger than 102400 bytes",
      bad(c:check { workflow_external_id = "w", input = { site = ("x"):rep(102400) } })[1])
    put(sim, "2")
    assert.same({ "version: the workflow w has several: say which of 1, 2" }, bad(c:check {
      workflow_external_id = "w" }))
    assert.same({}, bad(c:check { workflow_external_id = "w", version = "2" }))
    assert.matches("^version 7: ", bad(c:check { workflow_external_id = "w", version = 7 })[1])
    assert.matches("^version 1: .*white space", bad(c:check { workflow_external_id = " w", version = 1 })[1])
  end)

  it("says which kind of session a run would use", function()
    local found = by_what(world { credentials = { token = "ready-made" } }:check())
    assert.is_true(found.session.ok)
    assert.matches("token exchange, since this login has no client secret", found.session.message)
  end)

  it("blames who asks for what there is not", function()
    local c = world()
    for text, mistake in pairs {
      ['unknown option "workflow"; did you mean "workflow_external_id"'] = { workflow = "w" },
      ["version and input need a workflow_external_id"] = { version = "1" },
      ["workflow_external_id: expected a string or a whole number, got a boolean"] = { workflow_external_id = true },
      ["input: expected a table, or what cdf.json gives, got a string"] = { workflow_external_id = "w", input = "{}" },
    } do
      local _, message = pcall(function() c:check(mistake) end)
      assert.matches("checkup_spec.lua:%d+: ", message)
      assert.matches(text, message, 1, true)
    end
  end)
end)
