-- SPDX-License-Identifier: Apache-2.0
-- Every answer of the contract, given to the method that asks for it: a success arrives whole, a refusal as an error
-- that says what CDF said.

local client_module = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local replay = require "replay"

local UUID = "059edaa4-a17a-4102-910e-2c3591500cce"
local TASK = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
local FUNCTION = 4503599627370496
local LONG = { limit = 1000 }

--- What comes of an answer: its one item, its items, or `true` where it says nothing.
local function whole(body) return body end
local function first(body) return body.items[1] end
local function items(body) return body.items end
local function done() return true end

--- By operation: the method, and what it makes of the answer's body.
local methods = {
  issueToken = { function(c) return c:auth() end, function(body)
    return { tokenType = "Bearer", lifetime = tonumber(body.expires_in) }
  end },
  createSessions = { function(c) return c.sessions:create() end, first },
  listSessions = { function(c) return c.sessions:list(LONG) end, items },
  retrieveSessions = { function(c) return c.sessions:retrieve(1) end, first },
  revokeSessions = { function(c) return c.sessions:revoke { 1 } end, items },
  upsertWorkflows = { function(c) return c.workflows:upsert { externalId = "daily-etl" } end, first },
  retrieveWorkflow = { function(c) return c.workflows:retrieve "daily-etl" end, whole },
  listWorkflows = { function(c) return c.workflows:list(LONG) end, items },
  deleteWorkflows = { function(c) return c.workflows:delete "nope" end, done },
  upsertWorkflowVersions = { function(c)
    return c.workflows.versions:upsert { workflowExternalId = "daily-etl", version = "1",
      workflowDefinition = { tasks = {} } }
  end, first },
  retrieveWorkflowVersion = { function(c) return c.workflows.versions:retrieve("daily-etl", "1") end, whole },
  listWorkflowVersions = { function(c) return c.workflows.versions:list(LONG) end, items },
  deleteWorkflowVersions = { function(c)
    return c.workflows.versions:delete { { workflowExternalId = "nope", version = "9" } }
  end, done },
  runWorkflowVersion = { function(c) return c:run("daily-etl", "1", { nonce = "n" }) end, whole },
  retrieveWorkflowExecution = { function(c) return c.workflows.executions:retrieve(UUID) end, whole },
  cancelWorkflowExecution = { function(c) return c.workflows.executions:cancel(UUID) end, whole },
  retryWorkflowExecution = { function(c) return c.workflows.executions:retry(UUID, { nonce = "n" }) end, whole },
  listWorkflowExecutions = { function(c) return c.workflows.executions:list(LONG) end, items },
  updateTaskStatus = { function(c) return c.workflows.tasks:update(TASK, "COMPLETED") end, whole },
  upsertTriggers = { function(c)
    return c.workflows.triggers:upsert({ externalId = "t", workflowExternalId = "daily-etl", workflowVersion = "1",
      triggerRule = { triggerType = "schedule", cronExpression = "* * * * *" } }, { nonce = "n" })
  end, first },
  listTriggers = { function(c) return c.workflows.triggers:list(LONG) end, items },
  deleteTriggers = { function(c) return c.workflows.triggers:delete "nightly" end, done },
  listTriggerRuns = { function(c) return c.workflows.triggers:history("nightly", LONG) end, items },
  pauseTrigger = { function(c) return c.workflows.triggers:pause "nightly" end, done },
  resumeTrigger = { function(c) return c.workflows.triggers:resume "nightly" end, done },
  createFunctions = { function(c) return c.functions:create { name = "workflow-trigger", fileId = 1 } end, first },
  retrieveFunctions = { function(c) return c.functions:retrieve { FUNCTION } end, items },
  listFunctions = { function(c) return c.functions:list(LONG) end, items },
  deleteFunctions = { function(c) return c.functions:delete(FUNCTION) end, done },
  readFunctionsStatus = { function(c) return c:request("GET", "/functions/status") end, whole },
  activateFunctions = { function(c) return c:request("POST", "/functions/status") end, whole },
  readFunctionsLimits = { function(c) return c:request("GET", "/functions/limits") end, whole },
  callFunction = { function(c) return c.functions:call(FUNCTION, nil, { nonce = "n" }) end, whole },
  retrieveFunctionCalls = { function(c) return c.functions.calls:retrieve(FUNCTION, 2) end, first },
  listFunctionCalls = { function(c) return c.functions.calls:list(FUNCTION, LONG) end, items },
  readFunctionCallResponse = { function(c) return c.functions.calls:response(FUNCTION, 2) end, whole },
  readFunctionCallLogs = { function(c) return c.functions.calls:logs(FUNCTION, 2) end, items },
  createFunctionSchedules = { function(c)
    return c.functions.schedules:create({ name = "n", functionId = FUNCTION, cronExpression = "* * * * *" },
      { nonce = "n" })
  end, first },
  retrieveFunctionSchedules = { function(c) return c.functions.schedules:retrieve { 51 } end, items },
  listFunctionSchedules = { function(c) return c.functions.schedules:list(LONG) end, items },
  deleteFunctionSchedules = { function(c) return c.functions.schedules:delete(51) end, done },
  readFunctionScheduleInputData = { function(c) return c.functions.schedules:input_data(51) end, whole },
  initiateFileUpload = { function(c) return c.files:upload({ name = "workflow-trigger.zip" }, "PK") end, whole },
  uploadFileContent = { function(c) return c:_put(replay.BASE_URL .. "/upload/9007199254740991", "PK") end, done },
  retrieveFiles = { function(c) return c.files:wait_uploaded(9007199254740991) end, first },
}

--- The project's calls do not reach it: what a token may do is for people to look at.
local not_asked_for = { inspectToken = true }

local USER_DATA = { input = true, output = true, data = true, metadata = true, response = true, body = true }

--- A body as it should arrive: null members of resources are absent, those of user data stay.
local function arrived(value, in_user_data)
  if type(value) ~= "table" then return value end
  local copy = core.is_array(value) and core.array {} or {}
  for key, member in pairs(value) do
    if in_user_data or member ~= core.null then
      copy[key] = arrived(member, in_user_data or USER_DATA[key])
    end
  end
  return copy
end

local SUCCESS = {
  listing = { status = 200, body = { items = core.array {} } },
  files = { status = 200, body = { items = { { id = 9007199254740991, uploaded = true } } } },
  upload = { status = 200 },
}

--- What answers the requests that follow the one in question: a further page, the upload after a new file.
local function further(operation, sent)
  if operation == "initiateFileUpload" then return SUCCESS.upload end
  if operation == "retrieveFiles" then return SUCCESS.files end
  if sent.path:find "/revoke$" then return SUCCESS.listing end
  return SUCCESS.listing
end

local function client_for(file)
  local operation = file.content.operationId
  local given = false
  local transport = replay.transport(function(sent)
    local answer = given and further(operation, sent) or file.content
    given = true
    return replay.answer(answer)
  end)
  local login = operation == "issueToken"
    and { client_id = "svc-acme", client_secret = "s3cr3t", tenant_id = replay.TENANT } or { token = "static-token" }
  return assert(client_module.new {
    project = "acme-dev", base_url = replay.BASE_URL, credentials = core.credentials(login), transport = transport,
    max_retries = 0,
  })
end

local function check_success(file, result, make)
  local expected = make(arrived(file.content.body))
  if file.content.operationId == "issueToken" then
    result.lifetime = math.floor(result.expiresAt / 1000 - core.time() + 0.5)
    result.expiresAt = nil
  elseif file.content.operationId == "retrieveFiles" then
    expected = { id = expected.id, uploaded = true }
    result = { id = result.id, uploaded = result.uploaded }
  elseif file.content.operationId == "initiateFileUpload" then
    expected.uploadUrl = (expected.uploadUrl:gsub("{base_url}", replay.BASE_URL))
  end
  if expected == true then return assert.is_true(result) end
  local same, where = replay.same(expected, result, "result")
  assert.is_true(same, where)
end

local function check_refusal(file, err)
  local answer = file.content
  assert.is_table(err)
  assert.equal(answer.status, err.status)
  assert.equal((answer.headers or {})["x-request-id"], err.requestId)
  assert.is_nil(err.message:find("\n", 1, true))
  if err.kind == "ambiguous" then return end -- a gateway's words are not CDF's
  local said = type(answer.body) == "table" and answer.body.error
  if type(said) == "table" then
    assert.is_truthy(err.message:find(said.message, 1, true), err.message)
    assert.equal(said.code, err.code)
    for _, member in ipairs { "missing", "duplicated", "extra" } do
      local same, where = replay.same(said[member], err[member], member)
      assert.is_true(same, where)
    end
  elseif type(said) == "string" then
    assert.is_truthy(err.message:find(said, 1, true), err.message)
  end
end

describe("response", function()
  local read = 0
  local files = replay.files "responses"

  for _, file in ipairs(files) do
    local operation = file.content.operationId
    if not not_asked_for[operation] then
      it(file.name:gsub("%.json$", "") .. " to " .. operation, function()
        local method = methods[operation]
        local result, err = method[1](client_for(file))
        if file.content.status < 300 then
          assert.is_nil(err)
          check_success(file, result, method[2])
        else
          assert.is_nil(result)
          check_refusal(file, err)
        end
        read = read + 1
      end)
    end
  end

  it("files are all read", function()
    local skipped = 0
    for _, file in ipairs(files) do
      if not_asked_for[file.content.operationId] then skipped = skipped + 1 end
    end
    assert.same({ 145, 1 }, { #files, skipped })
    assert.equal(#files - skipped, read)
  end)
end)
