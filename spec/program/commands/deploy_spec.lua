-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- cdfworkflow deploy, lint and graph on files as the CDF Toolkit keeps them.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"
local stub_cdf = require "stub_cdf"

local WORKFLOW = [[
externalId: {{ name }}
description: Reports of {{site}}
]]
local VERSION = [[
# The first version
workflowExternalId: {{ name }}
version: '1'
workflowDefinition:
  tasks:
    - externalId: read
      type: function
      parameters:
        function:
          externalId: fn_read
          data: { sensors: [], site: "${workflow.input.site}" }
    - externalId: write
      type: transformation
      parameters: { transformation: { externalId: tr_write } }
      dependsOn: [ { externalId: read } ]
]]
local TRIGGER = [[
- externalId: {{ name }}_daily
  triggerRule: { triggerType: schedule, cronExpression: "0 6 * * *" }
  workflowExternalId: {{ name }}
  workflowVersion: '1'
  input: { site: north, list: [] }
  authentication:
    clientId: ${RUN_CLIENT_ID}
    clientSecret: ${RUN_CLIENT_SECRET}
]]

describe("deploy", function()
  local sim, env, folder

  setup(function()
    sim = program.world()
    env = program.settings(sim.url)
    env.RUN_CLIENT_ID, env.RUN_CLIENT_SECRET = "me", "s3cr3t"
  end)

  teardown(function() sim:stop() end)

  before_each(function()
    folder = program.folder()
    shell.run("mkdir -p " .. folder .. "/modules/reports/workflows " .. folder .. "/modules/other")
    program.write(folder .. "/modules/reports/workflows/a.WorkflowTrigger.yaml", TRIGGER)
    program.write(folder .. "/modules/reports/workflows/b.WorkflowVersion.yaml", VERSION)
    program.write(folder .. "/modules/reports/workflows/c.Workflow.yml", WORKFLOW)
    program.write(folder .. "/modules/other/readme.yaml", "not: ours")
  end)

  after_each(function() shell.run("rm -r " .. folder) end)

  local function write_trigger(text)
    program.write(folder .. "/modules/reports/workflows/a.WorkflowTrigger.yaml", text)
  end

  local function run(...) return program.run({ ... }, { env = env }) end

  local function deploy(name, ...)
    return run("deploy", folder .. "/modules", "--set", "name=" .. name, "--set", "site=pump 4", ...)
  end

  local function requests() return #sim:log() end

  local function posts_since(from)
    local posts, log = {}, sim:log()
    for i = from + 1, #log do
      if log[i].method == "POST" and not log[i].path:find "token" and not log[i].path:find "/list$" then
        posts[#posts + 1] = log[i].path:match "/projects/p(.*)$"
      end
    end
    return posts
  end

  it("puts workflows, versions and triggers there, in this order, and a second time changes nothing", function()
    local before = requests()
    local outcome = deploy "first"
    assert.equal(0, outcome.status, outcome.err)
    assert.equal("created workflow first\ncreated version first 1\ncreated trigger first_daily\n", outcome.out)
    assert.same({ "/workflows", "/workflows/versions", "/sessions", "/workflows/triggers" }, posts_since(before))
    before = requests()
    outcome = deploy "first"
    assert.equal(0, outcome.status, outcome.err)
    assert.equal("unchanged workflow first\nunchanged version first 1\nunchanged trigger first_daily\n", outcome.out)
    assert.same({}, posts_since(before))
  end)

  it("sends what the file says: empty lists, references, filled values", function()
    deploy "faithful"
    local version = core.decode(run("definition", "faithful", "1", "-o", "json").out)
    local data = version.workflowDefinition.tasks[1].parameters["function"].data
    assert.is_true(core.is_array(data.sensors))
    assert.equal("${workflow.input.site}", data.site)
    local schedules = core.decode(run("schedules", "-o", "json").out)
    for _, trigger in ipairs(schedules) do
      if trigger.externalId == "faithful_daily" then assert.is_true(core.is_array(trigger.input.list)) end
    end
  end)

  it("--dry-run shows the difference and changes nothing; the exit status is 8, or 0 where there is none", function()
    local before = requests()
    local outcome = deploy("second", "-n")
    assert.equal(8, outcome.status)
    assert.equal("+ workflow second\n+ version second 1\n+ trigger second_daily\n", outcome.out)
    assert.equal("cdfworkflow: 3 of 3 would change\n", outcome.err)
    assert.same({}, posts_since(before))
    deploy "second"
    outcome = deploy("second", "--dry-run")
    assert.equal(0, outcome.status, outcome.out)
    assert.equal("", outcome.out)
    assert.equal("cdfworkflow: nothing would change\n", outcome.err)
    program.write(folder .. "/modules/reports/workflows/b.WorkflowVersion.yaml",
      (VERSION:gsub("externalId: tr_write", "externalId: tr_write, concurrencyPolicy: waitForCurrent"):gsub("fn_read",
        "fn_other")))
    outcome = deploy("second", "-n")
    assert.equal(8, outcome.status)
    assert.equal([[
~ version second 1
  - workflowDefinition.tasks[read].parameters.function.externalId: "fn_read"
  + workflowDefinition.tasks[read].parameters.function.externalId: "fn_other"
  - workflowDefinition.tasks[write].parameters.transformation.concurrencyPolicy: "fail"
  + workflowDefinition.tasks[write].parameters.transformation.concurrencyPolicy: "waitForCurrent"
]], outcome.out)
    local steps = core.decode(deploy("second", "-n", "-o", "json").out)
    assert.same({ "none", "update", "none" }, { steps[1].action, steps[2].action, steps[3].action })
    assert.equal("fn_read", steps[2].changes[1].was)
    assert.equal("updated version second 1\n", deploy("second").out:match "updated[^\n]*\n")
    assert.equal(0, deploy("second", "-n").status)
  end)

  it("takes the environment's values, from a .env file too, and the client's own login without any", function()
    env.RUN_CLIENT_SECRET = nil
    program.write(folder .. "/secrets.env", "RUN_CLIENT_SECRET=s3cr3t\n")
    assert.equal(0, deploy("with-env", "--env-file", folder .. "/secrets.env").status)
    local outcome = deploy "without-env"
    env.RUN_CLIENT_SECRET = "s3cr3t"
    assert.equal(2, outcome.status)
    assert.matches("a%.WorkflowTrigger%.yaml%[1%]: authentication: the environment variable RUN_CLIENT_SECRET is not "
      .. "set\n$", outcome.err)
    write_trigger((TRIGGER:gsub("  authentication.*", "")))
    assert.equal(0, deploy("own-login").status)
  end)

  it("quotes what YAML would take for a number, as the Toolkit does", function()
    program.write(folder .. "/modules/reports/workflows/b.WorkflowVersion.yaml", (VERSION:gsub("'1'", "{{ version }}")))
    write_trigger((TRIGGER:gsub("'1'", '"{{version}}"')))
    local outcome = deploy("numbered", "--set", "version=17", "-n")
    assert.equal("+ workflow numbered\n+ version numbered 17\n+ trigger numbered_daily\n", outcome.out, outcome.err)
  end)

  it("finds files as the Toolkit does: whatever the case of their names, through no link to a folder", function()
    shell.run(("cd %s/modules/other && ln -s .. round && mkdir -- 'a ü' -x"):format(folder))
    program.write(folder .. "/modules/other/a ü/it's.workflow.yml", "externalId: lower\n")
    program.write(folder .. "/modules/other/-x/new\nline.WORKFLOW.YAML", "externalId: upper\n")
    assert.equal("+ workflow upper\n+ workflow lower\n", run("deploy", "-n", folder .. "/modules/other").out)
    local outcome = program.shell("cd modules/other && $CDFWORKFLOW deploy -n -- -x", { env = env, folder = folder })
    assert.equal("+ workflow upper\n", outcome.out, outcome.err)
  end)

  it("deploys nothing where a folder cannot be read", function()
    -- As root all can be read: a find that says so stands in.
    program.write(folder .. "/find", "#!/bin/sh\n/usr/bin/find \"$@\"\n"
      .. "echo \"find: 'x/locked': Permission denied\" >&2\nexit 1\n")
    shell.run("chmod +x " .. folder .. "/find")
    env.PATH = folder .. ":" .. os.getenv "PATH"
    local outcome = deploy "locked"
    env.PATH = nil
    assert.equal(2, outcome.status)
    assert.equal(("cdfworkflow: %s/modules: 'x/locked': Permission denied\n"):format(folder), outcome.err)
  end)

  it("puts a trigger of another kind there, which pause, resume and unschedule know, too", function()
    program.write(folder .. "/t.WorkflowTrigger.yaml", [[
externalId: on_data
triggerRule: { triggerType: dataModeling, dataModelingQuery: { with: { a: { nodes: {} } }, select: { a: {} } },
  batchSize: 100, batchTimeout: 60 }
workflowExternalId: daily-report
workflowVersion: 1
]])
    assert.equal("created trigger on_data\n", run("deploy", folder .. "/t.WorkflowTrigger.yaml").out)
    for _, command in ipairs { "pause", "resume", "unschedule" } do
      local outcome = run(command, "on_data")
      assert.equal(0, outcome.status, outcome.err)
    end
    assert.equal("+ trigger on_data\n", run("deploy", "-n", folder .. "/t.WorkflowTrigger.yaml").out)
  end)

  it("fills in what is a number where one is meant, text elsewhere, and parts of a text as they are", function()
    program.write(folder .. "/v.WorkflowVersion.yaml", [[
workflowExternalId: "{{ n }}_reports-{{n}}"
version: v{{ n }}
workflowDefinition:
  description: All {{ n }} of them
  tasks:
    - externalId: '{{ n }}'
      type: function
      retries: {{ n }} # attempts
      parameters: {function: {externalId: {{ n }}, data: {a: {{ n }}, b: [{{n}}, {{n}}], "c": {{n}}, d: "at {{n}}"}}}
]])
    program.write(folder .. "/v.WorkflowVersion.json", '{"workflowExternalId":"json","version":"1",'
      .. '"workflowDefinition":{"tasks":[{"externalId":"t","type":"function","retries": {{n}},'
      .. '"parameters":{"function":{"externalId":{{n}}}}}]}}')
    local files = { folder .. "/v.WorkflowVersion.yaml", folder .. "/v.WorkflowVersion.json" }
    local outcome = run("deploy", files[1], files[2], "--set", "n=7")
    assert.equal(0, outcome.status, outcome.err)
    local definition = core.decode(run("definition", "7_reports-7", "v7").out).workflowDefinition
    local task = definition.tasks[1]
    assert.same({ "All 7 of them", "7", 7, "7" },
      { definition.description, task.externalId, task.retries, task.parameters["function"].externalId })
    local data = task.parameters["function"].data
    assert.same({ "7", "7", "7", "7", "at 7" }, { data.a, data.b[1], data.b[2], data.c, data.d })
    task = core.decode(run("definition", "json", "1").out).workflowDefinition.tasks[1]
    assert.same({ 7, "7" }, { task.retries, task.parameters["function"].externalId })
  end)

  it("takes a version that looks like a number as it is written", function()
    for _, version in ipairs { "1", "1.10", "007", "3_02_1" } do
      program.write(folder .. "/v.WorkflowVersion.yaml", (VERSION:gsub("'1'", version):gsub("{{ name }}", "odd")))
      program.write(folder .. "/t.WorkflowTrigger.yaml", (TRIGGER:gsub("'1'", version):gsub("{{ name }}", "odd")))
      local outcome = run("deploy", "-n", folder .. "/v.WorkflowVersion.yaml", folder .. "/t.WorkflowTrigger.yaml")
      assert.equal(("+ version odd %s\n+ trigger odd_daily\n"):format(version), outcome.out, outcome.err)
    end
  end)

  it("puts a version that another runs before it", function()
    local function version(name, inner)
      return ('{"workflowExternalId":"%s","version":"1","workflowDefinition":{"tasks":[{"externalId":"t","type":"%s",'
        .. '"parameters":{"%s":{%s}}}]}}'):format(name, inner and "subworkflow" or "function",
        inner and "subworkflow" or "function",
        inner and ('"workflowExternalId":"%s","version":"1"'):format(inner) or '"externalId":"fn"')
    end
    program.write(folder .. "/all.json", "[" .. table.concat({ version("outer", "middle"), version("middle", "inner"),
      version "inner" }, ",") .. "]")
    local outcome = run("deploy", folder .. "/all.json")
    assert.equal("created version inner 1\ncreated version middle 1\ncreated version outer 1\n", outcome.out)
  end)

  it("looks up the data set that the Toolkit's files name", function()
    local stub = stub_cdf.serve [[function behave(kind, plan, answer, connection, request)
      if kind == "datasets/byids" then
        log("asked %s", request.body)
        answer = answer_of(kind, '{"items":[{"id":4711,"externalId":"ds_reports"}]}')
      elseif kind == "workflows/w" then
        answer = answer_of(kind, '{"externalId":"w","dataSetId":4711,"createdTime":1,"lastUpdatedTime":1}')
      end
      connection:write(answer)
    end]]
    local settings = program.settings(stub.url)
    settings.IDP_TOKEN_URL = stub.url .. "/token/p"
    program.write(folder .. "/w.Workflow.yaml", "externalId: w\ndataSetExternalId: ds_reports\n")
    local outcome = program.run({ "deploy", folder .. "/w.Workflow.yaml", "-n" }, { env = settings })
    local counts = stub:stop()
    assert.equal(0, outcome.status, outcome.err)
    assert.equal(1, counts['asked {"items":[{"externalId":"ds_reports"}]}'])
    outcome = run("deploy", folder .. "/w.Workflow.yaml")
    assert.equal(6, outcome.status)
    assert.matches("^cdfworkflow: the data set ds_reports of the workflow w: ", outcome.err)
  end)

  describe("sends nothing, and says in one sentence,", function()
    local function refused(words, ...)
      local before = requests()
      local outcome = run("deploy", ...)
      assert.equal(2, outcome.status)
      assert.truthy(outcome.err:find(words, 1, true), outcome.err)
      assert.equal(before, requests())
    end

    local function file(name, text) return program.write(folder .. "/" .. name, text) end

    it("that a variable is not filled", function()
      refused("c.Workflow.yml: nothing is given for {{ site }}: --set site=VALUE",
        folder .. "/modules/reports/workflows/c.Workflow.yml", "--set", "name=x")
      refused("nothing is given for {{ name }}", folder .. "/modules")
    end)

    it("what lint finds", function()
      refused("error: workflowDefinition.tasks[2].dependsOn[1].externalId:", file("v.WorkflowVersion.yaml",
        (VERSION:gsub("externalId: read }", "externalId: raed }"):gsub("{{ name }}", "x"))))
      local name = "v.WorkflowVersion.yaml"
      refused("nothing was deployed", file(name, VERSION:gsub("type: function", ""):gsub("{{.-}}", "x")))
      refused("error: workflowDefinition is missing", file(name, "workflowExternalId: x\nversion: '1'\n"))
    end)

    it("what cannot be read or understood", function()
      refused("/none.yaml: No such file", folder .. "/none.yaml")
      refused("w.Workflow.yaml: not YAML:", file("w.Workflow.yaml", "externalId: [\n"))
      refused("w.Workflow.json: not JSON: ends too early at line 1, column", file("w.Workflow.json", '{"externalId":'))
      refused("holds no object", file("w.Workflow.yaml", "just text\n"))
      refused("is no workflow, version, trigger or definition", file("w.yaml", "a: 1\n"))
      refused("externalId is missing, or no text", file("w.Workflow.yaml", "description: x\n"))
      refused("workflow w is there twice", file("w.Workflow.yaml", "- externalId: w\n- externalId: w\n"))
      refused("has no workflow and no version", file("d.json", '{"tasks":[]}'))
      refused("no *.Workflow.yaml", folder .. "/modules/other")
      refused("the name of a file is missing", "")
    end)
  end)

  it("says what was done before something was refused", function()
    write_trigger((TRIGGER:gsub("0 6 %* %* %*", "never")))
    local outcome = deploy "half"
    assert.equal(6, outcome.status)
    assert.equal("created workflow half\ncreated version half 1\n", outcome.out)
    assert.matches("^cdfworkflow: trigger half_daily: ", outcome.err)
    outcome = deploy("other-half", "-o", "json")
    assert.equal(6, outcome.status)
    local done = assert(core.decode(outcome.out), outcome.out)
    assert.same({ "workflow", "version" }, { done[1].kind, done[2].kind })
  end)
end)

describe("lint and graph", function()
  local folder

  before_each(function() folder = program.folder() end)

  after_each(function() shell.run("rm -r " .. folder) end)

  --- They need no settings.
  local function run(...) return program.run({ ... }, { env = {} }) end

  it("read definitions, versions and lists of them, in JSON or YAML, with variables that are not filled", function()
    program.write(folder .. "/a.WorkflowVersion.yaml", VERSION)
    program.write(folder .. "/definition.json", '{"tasks":[{"externalId":"a","type":"function","parameters":'
      .. '{"function":{"externalId":"${nobody.output}"}}}]}')
    program.write(folder .. "/list.yaml", "- " .. VERSION:gsub("# [^\n]*\n", ""):gsub("\n(.)", "\n  %1"))
    assert.same({ out = "", err = "", status = 0 }, run("lint", folder .. "/a.WorkflowVersion.yaml"))
    assert.equal(0, run("lint", folder .. "/list.yaml").status)
    local outcome = run("lint", folder .. "/definition.json", folder)
    assert.equal(8, outcome.status)
    assert.matches("^/.*/definition%.json: error: tasks%[1%]%.parameters%.[^\n]*nobody[^\n]*\n$", outcome.out)
    local findings = core.decode(run("lint", folder .. "/definition.json", "-o", "json").out)
    assert.equal("error", findings[1].severity)
    assert.equal(folder .. "/definition.json", findings[1].file)
    program.write(folder .. "/typed.WorkflowVersion.yaml",
      (VERSION:gsub("type: function", "type: function\n      retries: {{ n }}")))
    assert.equal(8, run("lint", folder .. "/typed.WorkflowVersion.yaml").status)
    outcome = run("lint", folder .. "/typed.WorkflowVersion.yaml", "--set", "n=2", "--set", "n=3")
    assert.equal("cdfworkflow: --set gives n twice\n", outcome.err)
  end)

  it("draw in every format", function()
    program.write(folder .. "/a.WorkflowVersion.yaml", VERSION)
    assert.equal("name version 1\n└─ read  function\n   └─ write  transformation\n",
      run("graph", folder .. "/a.WorkflowVersion.yaml").out)
    assert.matches("^digraph workflow {", run("graph", folder .. "/a.WorkflowVersion.yaml", "--format", "dot").out)
    assert.matches("flowchart LR", run("graph", folder .. "/a.WorkflowVersion.yaml", "--format", "mermaid").out)
    program.write(folder .. "/w.Workflow.yaml", "externalId: w\n")
    local outcome = run("graph", folder .. "/w.Workflow.yaml")
    assert.equal(2, outcome.status)
    assert.matches("w%.Workflow%.yaml: no definition in it\n$", outcome.err)
    program.write(folder .. "/v.WorkflowVersion.yaml", "workflowExternalId: w\nversion: '1'\n")
    outcome = run("graph", folder .. "/v.WorkflowVersion.yaml")
    assert.matches("v%.WorkflowVersion%.yaml: no definition in it\n$", outcome.err)
    program.write(folder .. "/odd.json", '{"tasks":"x"}')
    outcome = run("graph", folder .. "/odd.json")
    assert.equal(2, outcome.status)
    assert.matches("odd%.json: its definition cannot be drawn; lint says what is wrong with it\n$", outcome.err)
    outcome = run("graph", folder .. "/none.yaml")
    assert.equal(2, outcome.status)
    assert.matches("none%.yaml: No such file", outcome.err)
  end)

  it("draw all that a file has; as JSON they are one document", function()
    local one = '{"workflowExternalId":"%s","version":"1","workflowDefinition":{"tasks":[{"externalId":"t",'
      .. '"type":"function","parameters":{"function":{"externalId":"f"}}}]}}'
    program.write(folder .. "/two.json", "[" .. one:format "a" .. "," .. one:format "b" .. "]")
    assert.equal("a version 1\n└─ t  function\nb version 1\n└─ t  function\n", run("graph", folder .. "/two.json").out)
    local found = assert(core.decode(run("graph", folder .. "/two.json", "-o", "json").out))
    assert.same({ "a", "b" }, { found[1].workflowExternalId, found[2].workflowExternalId })
  end)

  it("draw a run by its id", function()
    local sim = program.world()
    local settings = program.settings(sim.url)
    local id = program.run({ "run", "fails" }, { env = settings }).out:match "%S+"
    program.run({ "wait", id }, { env = settings })
    local outcome = program.run({ "graph", id }, { env = settings })
    sim:stop()
    assert.matches("✗ clean  function  failed after %d+ ms: the valve is shut\n", outcome.out)
  end)
end)
