-- SPDX-License-Identifier: Apache-2.0
-- Every golden case of the contract (what the Python SDK 8.13 sends), done with this client: the same method, path,
-- query, body, authorization, cdf-version and content type, in the same order, and the same outcome. Where this client
-- does something else on purpose, the table `deviations` says what and why.

local client_module = require "cdfworkflow.client"
local core = require "cdfworkflow.core"
local replay = require "replay"

local UUID = "059edaa4-a17a-4102-910e-2c3591500cce"
local TASK = "7b7cfb20-e38c-4ff6-928a-56a50cf4fa5d"
local UNICODE = "vær/målinger 1 ☃"
local RESERVED = "a?b#c&d=e+f%g:h@i!j$k'l(m)n*o,p;q[r]s~t.u_v-w"
local REQUEST_ID = "b5e2a0d0-7f3c-4b0e-9a55-0f6f2c1d8e41"
local ALL = { limit = math.huge }
local N = { nonce = "n" }

-- {==== The calls, one for each golden case ====

local calls = {}

local function one_workflow(client) return client.workflows:list { limit = 1 } end

local function two_lists(client)
  assert(client.workflows:list { limit = 1 })
  return client.workflows:list { limit = 2 }
end

for _, case in ipairs {
  "auth-client-credentials-entra", "auth-client-credentials-two-scopes", "auth-client-credentials-no-scope-audience",
  "auth-client-secret-special-characters", "auth-client-secret-non-ascii", "auth-expires-in-as-string",
  "auth-static-token", "auth-invalid-client", "auth-invalid-scope", "auth-401-from-api",
  "headers-application-name-latin1", "headers-application-name-outside-latin1",
} do calls[case] = one_workflow end

for _, case in ipairs {
  "auth-token-reused", "auth-token-refreshed-when-lifetime-below-leeway",
  "auth-token-not-refreshed-when-lifetime-above-leeway",
} do calls[case] = two_lists end

calls["headers-custom-and-beta"] = function(client)
  return client:request("GET", "/workflows", nil, {
    query = { limit = 1 }, headers = { ["cdf-version"] = "20230101-beta", ["x-extra"] = "yes" } })
end

local function upsert_daily(client) return client.workflows:upsert { externalId = "daily-etl" } end
calls["body-gzip-disabled"] = upsert_daily

calls["body-exact-bytes"] = function(client)
  return client:run("daily-etl", "1", { nonce = "n", input = {
    text = "æ 東 𝄞 \127 \226\128\168 </script> / \\ \"", f = 1.0, e = 1e300, tiny = 4.9406564584124654e-324,
    big = 12345678901234567890.0, z = -0.0, b = false, n = core.null,
  } })
end

-- Sessions

local function session_call(opts)
  return function(client) return client.sessions:create(opts) end
end

local OTHER = { client_id = "other-id", client_secret = "other-secret" }
calls["sessions-create-default-client-credentials-login"] = session_call()
calls["sessions-create-default-static-token"] = session_call()
calls["sessions-create-given-credentials"] = session_call { client_credentials = OTHER }
calls["sessions-create-client-credentials-kind"] = session_call { session = "client_credentials" }
calls["sessions-create-token-exchange-kind"] = session_call { session = "token_exchange" }
calls["sessions-create-oneshot-kind"] = session_call { session = "oneshot" }
calls["sessions-create-oneshot-ignores-given-credentials"] =
  session_call { session = "oneshot", client_credentials = OTHER }
calls["sessions-create-client-credentials-kind-missing"] = session_call { session = "client_credentials" }
calls["sessions-create-unknown-kind"] = session_call { session = "forever" }
calls["sessions-create-refused"] = session_call()
calls["sessions-list-default"] = function(client) return client.sessions:list() end
calls["sessions-list-status"] = function(client) return client.sessions:list { status = "ACTIVE", limit = 5 } end
calls["sessions-list-all-pages"] = function(client) return client.sessions:list(ALL) end
calls["sessions-retrieve-one"] = function(client) return client.sessions:retrieve(7001) end
calls["sessions-retrieve-many"] = function(client) return client.sessions:retrieve { 7001, 9007199254740991 } end
calls["sessions-retrieve-unknown"] = function(client) return client.sessions:retrieve(5) end
calls["sessions-revoke-one"] = function(client) return client.sessions:revoke(7001) end
calls["sessions-revoke-many-id-only-answer"] = function(client) return client.sessions:revoke { 1, 2 } end

-- Workflows

calls["workflows-upsert-minimal"] = upsert_daily
calls["workflows-upsert-full"] = function(client)
  return client.workflows:upsert { externalId = "daily-etl", description = "Loads yesterday",
    dataSetId = 4503599627370496, maxConcurrentExecutions = 3 }
end
calls["workflows-upsert-empty-description"] = function(client)
  return client.workflows:upsert { externalId = "daily-etl", description = "" }
end
calls["workflows-upsert-unicode-slash-space"] = function(client)
  return client.workflows:upsert { externalId = UNICODE, description = "tab\there \"quoted\" \\ back 𝄞" }
end
calls["workflows-upsert-two"] = function(client)
  assert(client.workflows:upsert { externalId = "a" })
  return client.workflows:upsert { externalId = "b", description = "B" }
end
calls["workflows-upsert-wrong-type"] = function(client) return client.workflows:upsert "daily-etl" end

local function retrieve_workflow(external_id)
  return function(client) return client.workflows:retrieve(external_id) end
end
calls["workflows-retrieve-one"] = retrieve_workflow "daily-etl"
calls["workflows-retrieve-unicode-slash-space"] = retrieve_workflow(UNICODE)
calls["workflows-retrieve-reserved-characters"] = retrieve_workflow(RESERVED)
calls["workflows-retrieve-dot-dot"] = retrieve_workflow ".."
calls["workflows-retrieve-missing"] = retrieve_workflow "nope"
calls["workflows-retrieve-list"] = function(client)
  assert(client.workflows:retrieve "a")
  return client.workflows:retrieve "b/c"
end
calls["workflows-list-default"] = function(client) return client.workflows:list() end
calls["workflows-list-ten"] = function(client) return client.workflows:list { limit = 10 } end
calls["workflows-list-all-pages"] = function(client) return client.workflows:list(ALL) end
calls["workflows-list-limit-spans-pages"] = function(client) return client.workflows:list { limit = 3 } end
calls["workflows-list-null-cursor"] = function(client) return client.workflows:list(ALL) end
calls["workflows-list-limit-zero"] = function(client) return client.workflows:list { limit = 0 } end

local function delete_workflows(...)
  local arguments = { ... }
  return function(client) return client.workflows:delete(arguments[1], arguments[2]) end
end
local MANY = {}
for i = 0, 149 do MANY[i + 1] = "w" .. i end
calls["workflows-delete-one"] = delete_workflows "daily-etl"
calls["workflows-delete-many-ignore-unknown"] = delete_workflows({ "a", "b c" }, { ignore_unknown_ids = true })
calls["workflows-delete-150"] = delete_workflows(MANY)
calls["workflows-delete-unknown"] = delete_workflows "nope"
calls["workflows-delete-with-running-executions"] = delete_workflows "busy"

-- Versions. The resource is CDF's own JSON, so most cases give the golden's; three give what is left out on the way.

local function upsert_golden_versions(client, golden)
  local stored, err
  for _, request in ipairs(golden.requests) do
    stored, err = client.workflows.versions:upsert(request.body.items[1])
  end
  return stored, err
end

for _, case in ipairs {
  "function-minimal", "function-full", "function-data-reference", "transformation-default", "transformation-full",
  "cdf-minimal", "cdf-full", "cdf-references", "subworkflow-inline", "subworkflow-reference", "dynamic",
  "simulation-minimal", "simulation-full", "unknown-task-type", "graph", "task-defaults-absent", "unicode", "two",
} do calls["versions-upsert-" .. case] = upsert_golden_versions end

local function one_task(members)
  local task = { externalId = "t1", type = "function", parameters = { ["function"] = { externalId = "fn-a" } },
    retries = 3, timeout = 3600, onFailure = "abortWorkflow" }
  for member, value in pairs(members) do task[member] = value end
  return function(client)
    return client.workflows.versions:upsert { workflowExternalId = "daily-etl", version = "1",
      workflowDefinition = { tasks = { task } } }
  end
end
calls["versions-upsert-function-data-empty-object"] =
  one_task { parameters = { ["function"] = { externalId = "fn-a", data = {} } } }
calls["versions-upsert-no-dependencies-list"] = one_task { dependsOn = {} }

local function list_versions(opts)
  return function(client) return client.workflows.versions:list(opts) end
end
calls["versions-list-default"] = list_versions()
calls["versions-list-by-workflow"] = list_versions { workflowFilters = { { externalId = "daily-etl" } } }
calls["versions-list-by-pairs"] = list_versions { limit = 1000,
  workflowFilters = { { externalId = "a", version = "1" }, { externalId = "b/c", version = "2" } } }
calls["versions-list-all-pages"] = list_versions { limit = math.huge,
  workflowFilters = { { externalId = "a" }, { externalId = "b" } } }
calls["versions-iterate"] = function(client)
  local last
  for version in client.workflows.versions:each { workflowFilters = { { externalId = "daily-etl" } } } do
    last = version
  end
  return last
end
calls["versions-retrieve-one"] = function(client) return client.workflows.versions:retrieve("daily-etl", "1") end
calls["versions-retrieve-unicode"] = function(client) return client.workflows.versions:retrieve(UNICODE, "v 1/β") end
calls["versions-retrieve-missing"] = function(client) return client.workflows.versions:retrieve("nope", "9") end
calls["versions-retrieve-without-version"] = function(client) return client.workflows.versions:retrieve("daily-etl") end
calls["versions-retrieve-list"] = function(client)
  assert(client.workflows.versions:retrieve("a", "1"))
  return client.workflows.versions:retrieve("b", "2")
end
calls["versions-delete-one"] = function(client)
  return client.workflows.versions:delete { { workflowExternalId = "my workflow", version = "1" } }
end
calls["versions-delete-many-ignore-unknown"] = function(client)
  return client.workflows.versions:delete({ { workflowExternalId = "a", version = "1" },
    { workflowExternalId = "b", version = "2" } }, { ignore_unknown_ids = true })
end

-- Runs

local function run(opts, external_id, version)
  return function(client) return client:run(external_id or "daily-etl", version or "1", opts) end
end
calls["run-client-credentials-login"] = run()
calls["run-static-token-login"] = run()
calls["run-given-credentials"] = run { client_credentials = OTHER }
calls["run-given-nonce"] = run { nonce = "my-nonce" }
calls["run-empty-nonce"] = run { nonce = "" }
calls["run-input"] = run { nonce = "n", input = { a = 1, b = 2 } }
calls["run-input-empty-object"] = run { nonce = "n", input = {} }
calls["run-input-absent"] = run(N)
calls["run-input-nested-unicode"] = run { nonce = "n", input = {
  null = core.null, ["true"] = true, int = 9007199254740993, neg = -1, float = 0.1, exp = 1e300,
  arr = { core.array {}, {}, { 1, { 2, { 3 } } } }, text = "æøå 東京 𝄞 \0 \n\t\"\\/",
  [""] = "empty key", snake_key = { inner_key = 1 },
} }
calls["run-metadata"] = run { nonce = "n", metadata = { source = "nightly", ref = "42" } }
calls["run-metadata-empty-object"] = run { nonce = "n", metadata = {} }
calls["run-metadata-over-limits"] = function(client, golden)
  return client:run("daily-etl", "1", { nonce = "n", metadata = golden.requests[1].body.metadata })
end
calls["run-all"] = run({ input = { day = "2026-01-01" }, metadata = { k = "v" },
  client_credentials = { client_id = "i", client_secret = "s" } }, nil, "2")
calls["run-unicode-slash-space"] = run(N, UNICODE, "v 1/β")
calls["run-reserved-characters"] = run(N, "a&b=c%2F:d@e", "1.0+b?x#y")
calls["run-leading-space"] = run(N, " daily-etl ")
calls["run-null-character"] = run(N, "a\0b")
calls["run-id-256-characters"] = run(N, ("w"):rep(256))
calls["run-integer-version"] = run(N, nil, 3)
calls["run-input-not-a-number"] = run { nonce = "n", input = { x = 0 / 0 } }
calls["run-input-not-serialisable"] = run { nonce = "n", input = { x = print } }
calls["run-input-101-kb"] = run { nonce = "n", input = { x = ("y"):rep(103000) } }
for _, case in ipairs {
  "retried-429", "retried-502-504", "retried-after-read-timeout", "connection-closed-without-answer",
  "connection-reset", "not-retried-500", "retried-when-marked-auto-retryable",
  "retried-when-marked-auto-retryable-false", "redirect-not-followed",
} do calls["run-" .. case] = run(N) end
calls["run-retried-503"] = run()
calls["run-nonce-refused"] = run { nonce = "stale" }
calls["run-unknown-workflow"] = run(nil, "nope")
calls["run-session-retried"] = run()

-- Executions and tasks

local function list_executions(filter)
  return function(client) return client.workflows.executions:list(filter) end
end
calls["executions-list-by-pair"] = list_executions { workflowFilters = { { externalId = "daily-etl", version = "1" } } }
calls["executions-list-by-workflow"] = list_executions { workflowFilters = { { externalId = "daily-etl" } } }
calls["executions-list-by-several"] = list_executions { workflowFilters = {
  { externalId = "a", version = "1" }, { externalId = "b" }, { externalId = "c/d", version = "v 2" } } }
calls["executions-list-time-window"] = list_executions {
  createdTimeStart = 1767225600000, createdTimeEnd = 1767312000000, limit = 1000 }
calls["executions-list-time-zero"] = list_executions { createdTimeStart = 0 }
calls["executions-list-status-one"] = list_executions { status = { "FAILED" } }
calls["executions-list-status-many"] = list_executions { status = { "COMPLETED", "TIMED_OUT", "TERMINATED" } }
calls["executions-list-everything"] = list_executions { workflowFilters = { { externalId = "daily-etl" } },
  createdTimeStart = 1767225600000, createdTimeEnd = 1767225600001, status = { "RUNNING" }, limit = math.huge }
calls["executions-list-limit-1500"] = list_executions { status = { "RUNNING" }, limit = 1500 }
calls["executions-list-no-filter"] = list_executions()

local function retrieve_execution(id)
  return function(client) return client.workflows.executions:retrieve(id) end
end
calls["executions-retrieve"] = retrieve_execution(UUID)
calls["executions-retrieve-bad-id"] = retrieve_execution "not-a-uuid"
calls["executions-retrieve-missing"] = retrieve_execution "73ee6a8c-b544-4074-9636-18abff3cf125"
calls["executions-retrieve-unescaped-id"] = retrieve_execution "a b/c"

local function cancel_execution(reason)
  return function(client) return client.workflows.executions:cancel(UUID, reason) end
end
calls["executions-cancel-reason"] = cancel_execution "no longer needed"
calls["executions-cancel-no-reason"] = cancel_execution()
calls["executions-cancel-finished"] = cancel_execution "x"
calls["executions-retry-client-credentials-login"] = function(client) return client.workflows.executions:retry(UUID) end
calls["executions-retry-given-credentials"] = function(client)
  return client.workflows.executions:retry(UUID, { client_credentials = { client_id = "o", client_secret = "p" } })
end
calls["tasks-update-completed"] = function(client) return client.workflows.tasks:update(TASK, "COMPLETED") end
calls["tasks-update-failed-output"] = function(client)
  return client.workflows.tasks:update(TASK, "FAILED", { a = 1, why = "ø" })
end
calls["tasks-update-terminal-empty-output"] = function(client)
  return client.workflows.tasks:update(TASK, "FAILED_WITH_TERMINAL_ERROR", {})
end

-- Triggers

local function trigger(members)
  local made = { externalId = "nightly", workflowExternalId = "daily-etl", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" } }
  for member, value in pairs(members or {}) do made[member] = value end
  return made
end

local function upsert_trigger(members, opts)
  return function(client) return client.workflows.triggers:upsert(trigger(members), opts) end
end

local function upsert_golden_rule(external_id)
  return function(client, golden)
    return client.workflows.triggers:upsert(trigger {
      externalId = external_id, triggerRule = golden.requests[2].body.items[1].triggerRule })
  end
end
calls["triggers-upsert-schedule"] = upsert_trigger()
calls["triggers-upsert-schedule-full"] = upsert_trigger { externalId = "nightly/æ",
  triggerRule = { triggerType = "schedule", cronExpression = "*/15 6-18 * * 1-5", timezone = "Europe/Oslo" },
  input = { a = 1, deep_key = { in_ner = core.array {} } }, metadata = { k_1 = "v" } }
calls["triggers-upsert-empty-input"] = upsert_trigger { input = {}, metadata = {} }
calls["triggers-upsert-given-credentials-object"] =
  upsert_trigger(nil, { client_credentials = { client_id = "tid", client_secret = "tsec" } })
calls["triggers-upsert-data-modeling"] = upsert_golden_rule "dm"
calls["triggers-upsert-record-stream"] = upsert_golden_rule "rs"
calls["triggers-upsert-record-stream-filter"] = upsert_golden_rule "rs"
calls["triggers-list-default"] = function(client) return client.workflows.triggers:list() end
calls["triggers-list-all"] = function(client) return client.workflows.triggers:list(ALL) end
calls["triggers-history"] = function(client) return client.workflows.triggers:history "nightly" end
calls["triggers-history-unicode-all"] = function(client)
  return client.workflows.triggers:history("nightly/æ 1", ALL)
end
calls["triggers-history-missing"] = function(client) return client.workflows.triggers:history "nope" end
calls["triggers-pause"] = function(client) return client.workflows.triggers:pause "nightly" end
calls["triggers-pause-unicode"] = function(client) return client.workflows.triggers:pause "nightly/æ 1" end
calls["triggers-resume"] = function(client) return client.workflows.triggers:resume "nightly" end
calls["triggers-delete-one"] = function(client) return client.workflows.triggers:delete "nightly" end
calls["triggers-delete-two"] = function(client)
  assert(client.workflows.triggers:delete "a")
  return client.workflows.triggers:delete "b"
end

-- Functions, their calls and schedules, files

local function create_function(fn, file_id)
  return function(client)
    if file_id then assert(client.files:wait_uploaded(file_id)) end
    return client.functions:create(fn)
  end
end
calls["functions-create-from-file"] = create_function(
  { name = "starter", fileId = 9007199254740991, functionPath = "handler.py" }, 9007199254740991)
calls["functions-create-from-file-full"] = create_function({
  name = "starter", fileId = 1, externalId = "starter-x", description = "d", owner = "me",
  functionPath = "src/handler.py", secrets = { ["client-id"] = "svc", ["client-secret"] = "s3" },
  envVars = { A = "b" }, cpu = 0.5, memory = 2.0, runtime = "py312", metadata = { m = "1" },
  indexUrl = "https://pypi.example/simple", extraIndexUrls = { "https://a.example" } }, 1)
calls["functions-create-write-object"] =
  create_function { name = "starter", fileId = 5, externalId = "sx", functionPath = "handler.py" }
calls["functions-create-file-not-yet-uploaded"] =
  create_function({ name = "starter", fileId = 5, functionPath = "handler.py" }, 5)
calls["functions-create-not-retried-503"] =
  create_function { name = "starter", fileId = 5, functionPath = "handler.py" }
calls["functions-create-from-handle"] = function(client)
  return client.functions:create({ name = "workflow-trigger", externalId = "workflow-trigger",
    functionPath = "handler.py", secrets = { ["client-id"] = "svc-acme", ["client-secret"] = "s3cr3t" } },
    { zip = "PK" })
end
calls["functions-retrieve-id"] = function(client) return client.functions:retrieve(123) end
calls["functions-retrieve-external-id"] = function(client) return client.functions:retrieve "workflow-trigger/æ" end
calls["functions-retrieve-multiple"] = function(client)
  return client.functions:retrieve({ 1, 2, "x" }, { ignore_unknown_ids = true })
end
calls["functions-list-default"] = function(client) return client.functions:list() end
calls["functions-list-filtered"] = function(client)
  return client.functions:list { name = "n", owner = "o", fileId = 3, status = "Ready", externalIdPrefix = "wf-",
    createdTime = { min = 1, max = 2 }, metadata = { a_b = "c" }, limit = math.huge }
end
calls["functions-delete"] = function(client) return client.functions:delete { 1, "x" } end
calls["functions-status"] = function(client) return client:request("GET", "/functions/status") end
calls["functions-activate"] = function(client) return client:request("POST", "/functions/status") end
calls["functions-limits"] = function(client) return client:request("GET", "/functions/limits") end

local function call_function(fn, data, opts)
  return function(client) return client.functions:call(fn, data, opts) end
end
calls["functions-call-by-id"] = call_function(123)
calls["functions-call-by-external-id"] = call_function("workflow-trigger",
  { ["workflow-external-id"] = "daily-etl", n_1 = { 1, core.null } })
calls["functions-call-nonce"] = call_function(123, nil, { nonce = "held" })
calls["functions-call-wait"] = call_function(123, nil, { wait = true })
for _, case in ipairs { "not-retried-503", "retried-429", "read-timeout", "connection-reset" } do
  calls["functions-call-" .. case] = call_function(123, nil, N)
end
calls["function-calls-list"] = function(client)
  return client.functions.calls:list(123, { status = "Completed", scheduleId = 51,
    startTime = { min = 1767225600000 }, limit = 10 })
end
calls["function-calls-retrieve"] = function(client) return client.functions.calls:retrieve(123, 31337) end
calls["function-calls-response"] = function(client) return client.functions.calls:response(123, 31337) end
calls["function-calls-logs"] = function(client) return client.functions.calls:logs("fx", 31337) end

local function create_schedule(members, opts)
  local schedule = { name = "nightly", cronExpression = "0 12 * * *" }
  for member, value in pairs(members) do schedule[member] = value or nil end
  return function(client) return client.functions.schedules:create(schedule, opts) end
end
local SVC = { client_credentials = { client_id = "svc-acme", client_secret = "s3cr3t" } }
local STARTER_DATA = { ["workflow-external-id"] = "daily-etl", ["workflow-version"] = "1" }
calls["schedules-create-client-credentials-login"] = create_schedule { functionId = 123 }
calls["schedules-create-full"] = create_schedule({ name = "Scheduled trigger: daily-etl", description = "daily",
  functionId = 4503599627370496, data = STARTER_DATA }, SVC)
calls["schedules-create-external-id"] = create_schedule { functionExternalId = "workflow-trigger" }
calls["schedules-create-nonce"] =
  create_schedule({ functionId = 123, cronExpression = "*/5 * * * *" }, { nonce = "held" })
calls["schedules-create-no-cron"] = function(client)
  return client.functions.schedules:create { name = "nightly", functionId = 123 }
end
calls["schedules-create-no-function"] = create_schedule {}
calls["schedules-list-default"] = function(client) return client.functions.schedules:list() end
calls["schedules-list-filtered"] = function(client)
  return client.functions.schedules:list { name = "n", functionExternalId = "fx", createdTime = { min = 1 },
    cronExpression = "0 12 * * *", limit = math.huge }
end
calls["schedules-retrieve"] = function(client) return client.functions.schedules:retrieve(51) end
calls["schedules-retrieve-many-ignore-unknown"] = function(client)
  return client.functions.schedules:retrieve({ 51, 52 }, { ignore_unknown_ids = true })
end
calls["schedules-delete"] = function(client) return client.functions.schedules:delete(51) end
calls["schedules-input-data"] = function(client) return client.functions.schedules:input_data(51) end
calls["schedules-input-data-absent"] = calls["schedules-input-data"]
calls["files-upload-zip"] = function(client)
  return client.files:upload({ externalId = "f-x", name = "f.zip", mimeType = "application/zip", dataSetId = 9 },
    "thirteen byte")
end
calls["older-route-function-and-schedule"] = function(client)
  assert(client.functions:create({ name = "workflow_trigger", externalId = "workflow_trigger",
    functionPath = "handler.py", secrets = { ["client-id"] = "svc-acme", ["client-secret"] = "s3cr3t",
    project = "acme-dev" } }, { zip = "PK" }))
  return client.functions.schedules:create({ name = "Scheduled trigger: daily-etl", cronExpression = "0 12 * * *",
    functionExternalId = "workflow_trigger", data = STARTER_DATA }, SVC)
end

-- }====

-- {==== Where this client does otherwise, and why ====
-- `requests` makes the requests to expect from the golden's; `outcome` is "error" or "result" where it is another one.

local function first(count)
  return function(requests)
    local kept = {}
    for i = 1, count do kept[i] = requests[i] end
    return kept
  end
end

local nothing = first(0)

local function copy(request, changes)
  local made = {}
  for member, value in pairs(request) do made[member] = value end
  for member, value in pairs(changes) do made[member] = value end
  return made
end

--- The upload itself without the access token of CDF.
local function token_not_to_the_upload(requests)
  local all = {}
  for i, request in ipairs(requests) do
    all[i] = request.method ~= "PUT" and request
      or copy(request, { headers = { ["content-type"] = request.headers["content-type"] } })
  end
  return all
end

local function lists(cursor)
  return function(requests)
    local limit = tostring(1000)
    return { copy(requests[1], { query = { limit = limit } }),
      copy(requests[2], { query = { limit = limit, cursor = cursor } }) }
  end
end

local STATIC = { authorization = "Bearer static-token", ["cdf-version"] = "20230101",
  ["content-type"] = "application/json" }

local function get(path, answer)
  return { method = "GET", path = "/api/v1/projects/acme-dev" .. path, query = {}, headers = STATIC,
    body_type = "none", answered = { status = 200, body = answer } }
end

local function post(path, body, answer)
  return { method = "POST", path = "/api/v1/projects/acme-dev" .. path, query = {}, headers = STATIC,
    body_type = "json", body = body, answered = { status = 200, body = answer } }
end

local REFUSED = { why = "refused here, before anything is sent", outcome = "error", requests = nothing }
local AMBIGUOUS = {
  why = "the run may have started, so it is not sent again: kind \"ambiguous\" (README «Promises»)",
  outcome = "error", requests = first(1),
}
local UPLOAD = {
  why = "the upload URL is its own permission: the access token stays away from that host (CDF.md section 17)",
  requests = token_not_to_the_upload,
}

local deviations = {
  ["auth-client-secret-non-ascii"] = {
    why = "the SDK's OAuth library cannot send such a secret; form encoding can", outcome = "result",
    requests = function()
      return {
        { method = "POST", path = "/" .. replay.TENANT .. "/oauth2/v2.0/token", query = {}, body_type = "form",
          headers = { ["content-type"] = "application/x-www-form-urlencoded" },
          body = { grant_type = "client_credentials", client_id = "svc-acme", client_secret = "s3cr\195\169t",
            scope = replay.BASE_URL .. "/.default" },
          answered = { status = 200, body = { access_token = "static-token", expires_in = 3599 } } },
        copy(get("/workflows", { items = { { externalId = "daily-etl" } } }), { query = { limit = "1" } }),
      }
    end,
  },
  ["auth-token-refreshed-when-lifetime-below-leeway"] = {
    why = "a token that has just been fetched is used, however short it lives",
    requests = function(requests)
      local function with_first_token(request)
        return copy(request, { headers = copy(request.headers, { authorization = "Bearer short-0" }) })
      end
      return { requests[1], with_first_token(requests[3]), with_first_token(requests[6]) }
    end,
  },
  ["auth-401-from-api"] = {
    why = "a token is fetched anew where it can be, a ready-made one cannot; none is inspected", requests = first(1),
  },
  ["headers-application-name-latin1"] = {
    why = "header values are ASCII, as CDF.md section 1 advises", outcome = "error", requests = nothing,
  },
  ["sessions-create-oneshot-ignores-given-credentials"] = {
    why = "options that contradict each other are a mistake in the program; the SDK drops one of them",
    outcome = "error", requests = nothing,
  },
  ["sessions-list-all-pages"] = {
    why = "pages as large as CDF allows, 1000; the SDK asks for 100", requests = lists "c+/=2",
  },
  ["workflows-upsert-wrong-mode"] = { why = "upsert has no mode", call = false },
  ["workflows-retrieve-dot-dot"] = REFUSED,
  ["workflows-retrieve-list"] = {
    why = "one request for each, by its own name (CDF.md section 17)",
    requests = function()
      return { get("/workflows/a", { externalId = "a" }), get("/workflows/b%2Fc", { externalId = "b/c" }) }
    end,
  },
  ["versions-iterate"] = {
    why = "iterating lists, as the contract has it (CDF.md section 17)",
    requests = function()
      return { post("/workflows/versions/list",
        { filter = { workflowFilters = { { externalId = "daily-etl" } } }, limit = 1000 },
        { items = { { version = "1" } } }) }
    end,
  },
  ["versions-retrieve-list"] = {
    why = "one request for each; the SDK fails (CDF.md section 17)", outcome = "result",
    requests = function()
      return { get("/workflows/a/versions/1", { version = "1" }), get("/workflows/b/versions/2", { version = "2" }) }
    end,
  },
  ["run-metadata-over-limits"] = REFUSED,
  ["run-leading-space"] = REFUSED,
  ["run-null-character"] = REFUSED,
  ["run-id-256-characters"] = REFUSED,
  ["run-input-101-kb"] = REFUSED,
  ["run-retried-503"] = { -- a balancer's (CDF.md section 20)
    why = AMBIGUOUS.why, outcome = "error", requests = first(2),
  },
  ["run-retried-502-504"] = AMBIGUOUS,
  ["run-retried-after-read-timeout"] = AMBIGUOUS,
  ["run-connection-reset"] = AMBIGUOUS,
  ["run-retried-when-marked-auto-retryable-false"] = {
    why = "false means false (CDF.md section 17)", outcome = "error", requests = first(1),
  },
  ["run-unknown-workflow"] = {
    why = "the session made for a run that did not start is taken back (CDF.md section 16)",
    requests = function(requests)
      return { requests[1], requests[2], post("/sessions/revoke", { items = { { id = 7001 } } }, { items = {} }) }
    end,
  },
  ["executions-list-no-filter"] = {
    why = "CDF takes a list without filter; only the SDK refuses it", outcome = "result",
    requests = function()
      return { post("/workflows/executions/list", { limit = 25 }, { items = { { status = "RUNNING" } } }) }
    end,
  },
  ["executions-retrieve-bad-id"] = REFUSED,
  ["executions-retrieve-unescaped-id"] = REFUSED,
  ["functions-create-from-handle"] = UPLOAD,
  ["functions-call-connection-reset"] = {
    why = "a call that may have been made is not made again", outcome = "error", requests = first(1),
  },
  ["files-upload-zip"] = UPLOAD,
  ["older-route-function-and-schedule"] = UPLOAD,
}

-- }====

-- {==== Doing them ====

local LOGIN = { client_id = "svc-acme", client_secret = "s3cr3t", tenant_id = replay.TENANT }

local logins = { -- where it is not told by the first request: a token request or not
  ["auth-client-credentials-two-scopes"] = { scopes = { "IDENTITY", "user_impersonation" } },
  ["auth-client-credentials-no-scope-audience"] = {
    tenant_id = false, token_url = "https://login.example/" .. replay.TENANT .. "/oauth2/v2.0/token",
    audience = replay.BASE_URL,
  },
  ["auth-client-secret-special-characters"] = {
    client_id = "id with:colon&amp", client_secret = "p@ss w0rd/+=%?~\"'<>",
  },
  ["auth-client-secret-non-ascii"] = { client_secret = "s3cr\195\169t" },
  ["auth-invalid-scope"] = { scopes = "nonsense" },
}

local client_names = {
  ["headers-custom-and-beta"] = "tool/1.2",
  ["headers-application-name-latin1"] = "Ærlig",
  ["headers-application-name-outside-latin1"] = "東京",
}

--- Cases whose first request is recorded as answered though its answer came too late.
local too_late = { ["run-retried-after-read-timeout"] = true, ["functions-call-read-timeout"] = true }

local function credentials_of(golden)
  local given = logins[golden.case]
  local first_request = golden.requests[1]
  if not given and not (first_request and first_request.body_type == "form") then
    return core.credentials { token = "static-token" }
  end
  local login = copy(LOGIN, given or {})
  if login.tenant_id == false then login.tenant_id = nil end
  return core.credentials(login)
end

--- A transport that answers as the golden says and notes each request that is not as expected.
local function transport_of(golden, expected, differences)
  local used, count = {}, 0
  local function choose(sent)
    if golden.order ~= "any" then return count end
    for i, request in ipairs(expected) do
      if not used[i] and not replay.difference(request, sent) then return i end
    end
    return count
  end
  return replay.transport(function(sent)
    count = count + 1
    local i = choose(sent)
    local request = expected[i]
    if not request or used[i] then
      differences[#differences + 1] = ("request %d is one too many: %s %s"):format(count, sent.method, sent.path)
      return { failure = "connect", sent = false, message = "nothing listens" }
    end
    used[i] = true
    local difference = replay.difference(request, sent)
    if difference then differences[#differences + 1] = ("request %d: %s"):format(count, difference) end
    if too_late[golden.case] and i == 1 then return { failure = "timeout", sent = true, message = "no answer" } end
    return replay.answer(request.answered, REQUEST_ID)
  end)
end

--- Makes the client and does the call; what came of it: "result" or "error".
local function do_call(golden, transport)
  local client, err = client_module.new {
    project = "acme-dev", base_url = replay.BASE_URL, credentials = credentials_of(golden), transport = transport,
    client_name = client_names[golden.case] or "golden-client",
  }
  if not client then return "error", err end
  local ok, result, problem = pcall(calls[golden.case], client, golden)
  if not ok then return "error", result end
  if result == nil then return "error", problem end
  return "result", result
end

local function expected_outcome(golden, deviation)
  if deviation.outcome then return deviation.outcome end
  if golden.error then return "error" end
  -- The SDK gives an absent value for what is not there; here that is an error with CDF's status.
  local last = golden.requests[#golden.requests]
  return last and (last.answered.status or 0) >= 400 and "error" or "result"
end

describe("golden", function()
  local done, alike = 0, 0
  local goldens = replay.files "golden"

  for _, file in ipairs(goldens) do
    local golden = file.content
    local deviation = deviations[golden.case] or {}
    if deviation.call ~= false then
      local number, why = file.name:match "^%d+", deviation.why and " [" .. deviation.why .. "]" or ""
      it(number .. " " .. golden.call .. why, function()
        local expected = deviation.requests and deviation.requests(golden.requests) or golden.requests
        local differences = {}
        local transport = transport_of(golden, expected, differences)
        local outcome, value = do_call(golden, transport)
        assert.same({}, differences)
        assert.equal(#expected, #transport.sent)
        assert.equal(expected_outcome(golden, deviation), outcome, tostring(value))
        local code = golden.error and golden.error.code
        if code and outcome == "error" and #expected > 0 and not deviation.why then
          assert.equal(code, value.status)
          assert.equal(REQUEST_ID, value.requestId)
        end
        done = done + 1
        if not deviation.why then alike = alike + 1 end
      end)
    end
  end

  it("are all done, and each deviation is of a case", function()
    local known = {}
    for _, file in ipairs(goldens) do
      local case = file.content.case
      known[case] = true
      assert.is_true(calls[case] ~= nil or deviations[case] and deviations[case].call == false, case)
    end
    for case in pairs(calls) do assert.is_true(known[case], case) end
    local count = 0
    for case in pairs(deviations) do
      assert.is_true(known[case], case)
      count = count + 1
    end
    assert.same({ cases = 208, done = 207, alike = 179, deviations = 29 },
      { cases = #goldens, done = done, alike = alike, deviations = count })
  end)
end)

-- }====
