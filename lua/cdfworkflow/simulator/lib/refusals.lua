-- SPDX-License-Identifier: Apache-2.0
-- Every refusal of the simulator, and how much of it is CDF's own: the one place that says what a program must not rely
-- on. Besides these, invented are: what the engine decides where CDF.md leaves a question open (engine/init.lua);
-- reasonForIncompletion, where no handler gave it, and a trigger run's reasonForFailure; why a function is Failed, what
-- functions/limits says, and `when` of a function schedule; the words of the token endpoint, which follow Entra ID's,
-- and of the host that takes uploads; the page of a foreign answer, unless it is a 503; how long things take
-- (lib/pace.lua; a function is Ready five seconds after it was made); that a nonce lives for 60 s, and a session that
-- nobody holds for an hour; the order of lists other than triggers and their histories; the output of function apps;
-- that a run is in the list at once (a fault with `behind` shows the other case).

local refusals = {}

-- Status and text are evidenced (CDF.md sections 11 and 20).
local KNOWN = {
  trigger = { 404, "Trigger not found." },
  trigger_history = { 404, "Workflow trigger not found." },
  workflows_missing = { 404, "The following workflows were not found: [%s]." },
  versions_missing = { 404, "The following workflow versions were not found: [%s]." },
  still_running = { 400, "Some of the specified workflows have running executions" },
}

-- The status is evidenced, with `missing` and `duplicated`; the words are ours.
local STATUS_KNOWN = {
  unauthorized = { 401, "Unauthorized" },
  capability = { 403, "Missing capability %s:%s" },
  violation = { 400, "Request had 1 constraint violations. Please fix the request and try again. [%s]" },
  workflow = { 404, "Workflow not found." },
  version = { 404, "Workflow version not found." },
  sessions_missing = { 400, "Session ids not found" },
  functions_missing = { 400, "Functions not found" },
  function_duplicated = { 409, "Function externalId duplicated" },
  files_exist = { 409, "Files already exist" },
  too_many_calls = { 429, "Too many running calls" },
  record_stream_session = { 403, "The session must be of kind CLIENT_CREDENTIALS" },
}

-- Status and words are ours: that CDF refuses is evidenced, or only likely.
local INVENTED = {
  -- Observed for transformations, second-hand: CDF may say 403 here, too.
  nonce = { 400, "Failed to bind session using nonce" },
  token_exchange = { 400, "Invalid access token from identity provider" },
  client_credentials = { 400, "Invalid client credentials" },
  too_many_sessions = { 400, "There can be only %d sessions" },

  definition = { 400, "Invalid workflow definition: %s" },
  too_many_workflows = { 400, "The number of workflows is at its limit" },
  execution = { 404, "Workflow execution not found." },
  input_too_large = { 400, "Input data is too large" },
  execution_not_running = { 400, "Execution is not running" },
  execution_not_retryable = { 400, "Only failed, timed out or terminated executions can be retried" },
  task = { 404, "Task not found." },
  task_not_in_progress = { 400, "Task is not in progress" },
  task_status = { 400, "The status of this task cannot be set" },
  cron = { 400, "Invalid cron expression: %s" },
  too_many_triggers = { 400, "At most %d triggers" },
  cursor = { 400, "Invalid cursor" },

  ["function"] = { 404, "Function not found." },
  function_runtime = { 400, "runtime must be one of %s" },
  function_not_ready = { 400, "Function is not ready" },
  too_many_functions = { 400, "At most %d functions" },
  call = { 404, "Function call not found." },
  calls_missing = { 400, "Function calls not found" },
  schedule = { 404, "Schedule not found." },
  schedules_missing = { 400, "Schedules not found" },
  too_many_schedules = { 400, "At most %d schedules" },
  too_many_schedules_of_one = { 400, "At most %d schedules for one function" },
  files_missing = { 400, "Files not found" },

  path = { 404, "Not found" },
  method = { 405, "Method not allowed" },
  media_type = { 415, "Unsupported media type" },
  encoding = { 415, "Unsupported content encoding" },
  gzip_unavailable = { 415, "This simulator takes gzip bodies only where lua-zlib is installed" },
  gzip = { 400, "The body is not gzip" },
  gzip_cut = { 400, "The gzip body is cut short" },
  body_missing = { 400, "A request body is needed" },
  body_too_large = { 413, "The body is too large" },
  body_too_deep = { 400, "The body is nested in more than %d levels" },
  body = { 400, "The body is %s" },

  handler_raised = { 500, "The handler of %s raised: %s" },
  handler_status = { 500, "The handler of %s gave %s, which is no status" },
  handler_json = { 500, "The handler of %s gave no JSON: %s" },
}

---@class cdfworkflow.simulator.RefusalKind
---@field [1] integer status
---@field [2] string text, to be formatted
---@field evidence "both"|"status"|"none" how much of it is CDF's own

for evidence, kinds in pairs { both = KNOWN, status = STATUS_KNOWN, none = INVENTED } do
  for name, kind in pairs(kinds) do
    kind.evidence = evidence
    refusals[name] = kind
  end
end

return refusals
