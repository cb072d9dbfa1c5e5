-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- Cognite's JavaScript SDK, a client that nobody here wrote, against cdfworkflow-sim: support/cognite_js.mjs works with
-- it and tells what it saw.

local core = require "cdfworkflow.core"
local server = require "server"
local shell = require "shell"

local WORLD = [[return { functions = { hello = function(data) return { hello = data } end } }]]

describe("the JavaScript SDK", function()
  local sim, world_file, seen, requests

  setup(function()
    world_file = os.tmpname()
    local file = assert(io.open(world_file, "w"))
    file:write(WORLD)
    file:close()
    sim = server.start {
      "--project", "acme-dev", "--client-id", "svc-acme", "--client-secret", "s3cr3t", "--clock", "manual",
      "--load", world_file,
    }
    local said, status = shell.run("timeout 30 node spec/support/cognite_js.mjs " .. sim.url)
    assert(status == 0, said)
    seen = assert(core.decode(said))
    requests = {}
    for _, entry in ipairs(sim:log()) do
      requests[entry.operation or "none"] = requests[entry.operation or "none"] or {}
      table.insert(requests[entry.operation or "none"], entry.status)
    end
  end)

  teardown(function()
    if sim then sim:stop() end
    os.remove(world_file)
  end)

  it("signs in, and once more when its token is over", function()
    assert.equal("svc-acme", seen.inspected)
    assert.same({ fetched = 1, found = { "w/1 æ" } }, seen.newToken)
    assert.same({ 401, 200 }, requests.listWorkflows)
  end)

  it("uploads a zip, makes a function of it and calls it", function()
    assert.same({ uploaded = true, uploadedTime = true, response = { hello = { a = 1 } } }, seen.functions)
  end)

  it("runs a workflow, and tries again after 429 and 503", function()
    assert.equal("COMPLETED", seen.workflow.status)
    assert.same({ hello = { b = { 2, core.null } } }, seen.workflow.output)
    assert.same({ 429, 202, 400 }, requests.runWorkflowVersion)
    assert.same({ 503, 200 }, requests.retrieveWorkflowExecution)
  end)

  it("lists sessions page by page, and revokes one", function()
    assert.is_true(seen.sessions.listed)
    assert.is_true(seen.sessions.several)
    assert.equal("REVOKED", seen.sessions.revoked)
  end)

  it("reads refusals, each with its request id", function()
    for what, expected in pairs {
      unknown = { 404, "^Workflow not found" }, invalid = { 400, "body%.items%[0%]%.externalId" },
      duplicated = { 409, "^Files already exist" }, nowhere = { 404, "^Not found" },
    } do
      assert.equal(expected[1], seen[what].status, what)
      assert.matches(expected[2], seen[what].errorMessage)
      assert.matches("^%x+%-%x+%-%x+%-%x+%-%x+$", seen[what].requestId)
    end
    assert.equal("Failed to bind session using nonce", seen.workflow.again.errorMessage)
    assert.same({ { externalId = "f.zip" } }, seen.duplicated.duplicated)
    assert.same({ { id = 5 } }, seen.sessions.unknown.missing)
  end)
end)
