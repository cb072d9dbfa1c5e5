-- SPDX-License-Identifier: Apache-2.0
-- For golden_spec.lua: the call that each golden case of the contract is about, done with this client.

local core = require "cdfworkflow.core"

local UUID = "059edaa4-a17a-4102-910e-2c3591500cce"
local TASK = "7b7cfb20-e38c-4ff6-928a-56a50cf4fa5d"
local UNICODE = "vær/målinger 1 ☃"
local RESERVED = "a?b#c&d=e+f%g:h@i!j$k'l(m)n*o,p;q[r]s~t.u_v-w"
local ALL = { limit = math.huge }
local N = { nonce = "n" }

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

return calls
