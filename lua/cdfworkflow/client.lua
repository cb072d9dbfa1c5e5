-- SPDX-License-Identifier: Apache-2.0
-- The client: settings, transport and namespaces, and the few doors through which namespaces call CDF.

local sorted_keys = require "cdfworkflow.sorted_keys"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local drive = require "cdfworkflow.call.drive"
local interrupt = require "cdfworkflow.call.interrupt"
local later = require "cdfworkflow.later"
local method = require "cdfworkflow.method"
local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"
local protected = require "cdfworkflow.call.protected"
local settings = require "cdfworkflow.transport.settings"
local transport = require "cdfworkflow.transport"
local words = require "cdfworkflow.signin.words"

require "cdfworkflow.api.executions" -- its tables are those of the short forms

---@class cdfworkflow.Error an error as `nil, err` brings it; `tostring(err)` is one line
---@field kind "invalid"|"auth"|"transport"|"tls"|"timeout"|"throttled"|"api"|"protocol"|"ambiguous"|"cancelled"
---@field message string one line for a person
---@field field? string with "invalid": the option or member, as a path such as `input.sensors[3].value`
---@field limit? number|string with "invalid": the rule that it breaks, a figure or in words
---@field status? integer HTTP status of the answer
---@field code? integer|string as CDF or the identity provider said it
---@field requestId? string CDF's x-request-id
---@field missing? table as CDF said it
---@field duplicated? table
---@field extra? table
---@field retryable? boolean whether trying again later can help
---@field never_reached? boolean true where the call was given up early, since this client has never reached that server
---@field attempts? integer requests sent
---@field elapsed? number seconds

---@class cdfworkflow.ClientSettings
---@field project? string
---@field cluster? string such as "westeurope-1"; or base_url
---@field base_url? string https, or http to loopback
---@field credentials? userdata what `cdf.credentials` gives
---@field client_name? string the x-cdp-app header; "cdfworkflow" unless told
---@field timeout? number seconds for one whole call with token, session and retries; 60 unless told, but 5 where a
---  server that was never reached refuses connections or has no name
---@field connect_timeout? number seconds; 10 unless told
---@field max_retries? integer 10 unless told
---@field max_connections? integer at the same time; 100 unless told
---@field max_response_size? integer bytes after decompression; 16 MiB unless told
---@field proxy? string URL; "" for none; the environment (https_proxy, NO_PROXY) unless told
---@field ca_file? string certificate authorities in PEM form, in place of the system's
---@field transport? table how requests travel; what fits the host (plain script, nginx, HAProxy) unless told
---@field token_store? table tokens shared with other processes: `ngx.shared.NAME`, or anything with its `get`, `set`
---  and `add`
---@field on_event? fun(event: table) told of requests, answers and retries, and of the end of a run whose caller
---  hung up (`type = "abandoned"`); sees no secret

---@class cdfworkflow.ClientOptions : cdfworkflow.ClientSettings
---@field project string
---@field credentials userdata what `cdf.credentials` gives

---@class cdfworkflow.Client
---@field workflows cdfworkflow.Workflows
---@field sessions cdfworkflow.Sessions
---@field functions cdfworkflow.Functions
---@field files cdfworkflow.Files
local Client = {}
Client.__index = Client
Client.__name = "cdfworkflow.Client"

local client, takes = {}, {}

local CLUSTER = "letters, digits, '-' and '.', without .cognitedata.com"

--- A cluster's name becomes the first labels of a host name.
local function url_of_cluster(name, path)
  if #name <= 200 and name:find "^[%w-][%w.-]*$" and not name:find "%.$" and not name:find "%.cognitedata%.com$" then
    return ("https://%s.cognitedata.com"):format(name)
  end
  return check.invalid(path, path .. " must be a name such as westeurope-1: " .. CLUSTER, CLUSTER)
end

local function with_methods(what, ...)
  local names = { ... }
  return {
    word = ("%s with the methods %s"):format(what, table.concat(names, ", ")),
    accepts = function(value)
      if type(value) == "userdata" then return true end
      for _, name in ipairs(names) do
        if type(value) ~= "table" or type(value[name]) ~= "function" then return false end
      end
      return true
    end,
  }
end

local function string_that(use) return { word = "a string", accepts = check.string.accepts, use = use } end

local function without_slashes(url) return (url:gsub("/+$", "")) end

client.url_of_cluster = url_of_cluster

client.MEMBERS = {
  options.into("core", {
    { "project", check.string, required = true },
    { "cluster", string_that(url_of_cluster), as = "base_url" },
    { "base_url", string_that(without_slashes) },
    { "credentials", check.credentials, required = true },
    { "client_name", check.string, default = "cdfworkflow" },
    -- as the Python SDK (CDF.md 1); who says nothing of time gets an early answer where there is nobody
    { "timeout", check.timeout, default = 60, tells = "patient" },
    { "connect_timeout", check.timeout, default = 10 },
    { "max_retries", check.whole(0, 100), default = 10, tells = "patient" },
    { "max_response_size", check.whole(1, 64 * 1024 * 1024), default = 16 * 1024 * 1024 },
  }),
  options.into("host", settings),
  { "transport", with_methods("a transport", "now", "http", "sleep") },
  { "on_event", check.fn },
  { "token_store", with_methods("a store", "get", "set", "add") },
}

local function rule(given)
  if (given.cluster == nil) == (given.base_url == nil) then return "give either cluster or base_url" end
end

--- The classes of the namespaces, by their files in api/.
local CLASSES = {}
for _, file in ipairs {
  "workflows", "versions", "executions", "triggers", "tasks", "sessions", "functions", "calls", "schedules", "files",
} do
  CLASSES[file] = later.class("cdfworkflow.api." .. file)
end

local function namespace(file, owner) return setmetatable({ client = owner }, CLASSES[file]) end

local function add_namespaces(self)
  self.workflows = namespace("workflows", self)
  self.workflows.versions = namespace("versions", self)
  self.workflows.executions = namespace("executions", self)
  self.workflows.triggers = namespace("triggers", self)
  self.workflows.tasks = namespace("tasks", self)
  self.sessions = namespace("sessions", self)
  self.functions = namespace("functions", self)
  self.functions.calls = namespace("calls", self)
  self.functions.schedules = namespace("schedules", self)
  self.files = namespace("files", self)
end

--- A client of one CDF project. Sends nothing yet.
---
---     local client = assert(cdf.client {
---       project = "my-project", cluster = "westeurope-1",
---       credentials = assert(cdf.credentials {
---         tenant_id = "…", client_id = "…", client_secret = os.getenv "IDP_CLIENT_SECRET",
---       }),
---     })
---     print(client) --> cdfworkflow.Client: project my-project at https://westeurope-1.cognitedata.com
---@param opts cdfworkflow.ClientOptions
---@return cdfworkflow.Client|nil client
---@return cdfworkflow.Error? err kind "invalid" for a value that cannot be sent
local function new(opts)
  local core_client, err = core.client(opts.core)
  if not core_client then return nil, err end
  local self = setmetatable({
    settings = opts.core,
    project = opts.core.project,
    base_url = opts.core.base_url,
    core = core_client,
    transport = opts.transport or transport.of_host(opts.host or {}),
    token_store = opts.token_store,
    on_event = opts.on_event,
    timeout = opts.core.timeout,
  }, Client)
  add_namespaces(self)
  return self
end

client.new = method.fn("cdf.client", { { "opts", options.needed(client.MEMBERS, rule), required = true } }, new)

function Client:__tostring() return ("cdfworkflow.Client: project %s at %s"):format(self.project, self.base_url) end

takes.close = { even_closed = true }

--- Closes the connections. Calls after this raise. Closing twice is no mistake.
---
---     client:close()
function Client:close()
  if self.closed then return end
  self.closed = true
  if self.transport.close then self.transport:close() end
end

Client.__close = Client.close

-- {==== Doors for the namespaces ====

--- Runs a call that the core made, or passes its error on.
function Client:_drive(call, err)
  if self.closed then mistake.raise "this cdfworkflow client is closed" end
  if not call then return nil, err end
  if not self.words then return drive.run(call, self) end
  local result
  result, err = drive.run(call, self)
  if err then err = words.of_call(err, self.words) end
  return result, err
end

--- A member of a query as text.
local function query_text(value)
  return type(value) == "number" and value % 1 == 0 and check.digits(value) or tostring(value)
end

local function add_query(path, query)
  if not query or next(query) == nil then return path end
  local parts = {}
  for i, name in ipairs(sorted_keys(query)) do
    parts[i] = core.form(name) .. "=" .. core.form(query_text(query[name]))
  end
  return path .. (path:find("?", 1, true) and "&" or "?") .. table.concat(parts, "&")
end

--- One API call under the project. `opts`, as C takes them (run.h): `query`, `headers`, `timeout`; `repeats` ("unsafe"
--- where a second one would do something else); `result` ("gone": a 404 after a lost answer means that it was deleted);
--- `nonce_in` ("authentication" or "nonce", or behind "items." in the one item of the body): where the nonce of a
--- fresh session goes, with `session` and `client_credentials`, or the caller's own `nonce`; `secrets`: texts in the
--- body for no error to repeat.
---@return table|nil
---@return cdfworkflow.Error? err
function Client:_call(http_method, path, body, opts)
  return self:_drive(core.request(self.core, http_method, add_query(path, opts and opts.query), body, opts))
end

--- Checks what `_call` would, and sends nothing: for those that must send something else before.
---@return true|nil
---@return cdfworkflow.Error? err
function Client:_acceptable(http_method, path, body, opts)
  local call, err = core.request(self.core, http_method, path, body, opts)
  if not call then return nil, err end
  call:drop()
  return true
end

function Client:_start(workflow_external_id, version, opts)
  if opts.dry_run then
    return require("cdfworkflow.call.dry_run").requests(self, function(double)
      return double:_drive(core.run(double.core, workflow_external_id, version, opts))
    end)
  end
  return self:_drive(core.run(self.core, workflow_external_id, version, opts))
end

function Client:_session(opts)
  return self:_drive(core.session(self.core, opts))
end

--- PUT of bytes to an upload URL, which is its own permission: no access token goes there.
function Client:_put(url, bytes, opts)
  return self:_drive(core.upload(self.core, url, bytes, opts))
end

--- Whether sessions can be made of the login's own client credentials.
function Client:_has_secret() return core.describe(self.settings.credentials).has_secret end

--- Who the token is and what it may do: `GET /api/v1/token/inspect`, which lies outside of the project.
function Client:_inspect()
  return self:_drive(core.request(self.core, "GET", "/api/v1/token/inspect", nil, { root = true }))
end

--- A client like this one whose requests go through another transport; with `core`, a core client of its own, it has a
--- token of its own too.
---@param opts { transport: table, core?: userdata }
---@return cdfworkflow.Client
function Client:_double(opts)
  local double = setmetatable({}, Client)
  for name, value in pairs(self) do double[name] = value end
  double.transport = opts.transport
  if opts.core then double.core, double.token_store = opts.core, nil end
  add_namespaces(double)
  return double
end

--- The core client once more, without its token. `changes` to the settings win.
function Client:_core_again(changes)
  local all = {}
  for name, value in pairs(self.settings) do all[name] = value end
  for name, value in pairs(changes) do all[name] = value end
  return assert(core.client(all))
end

function Client:_sleep(seconds)
  local ok, err = protected(self.transport.sleep, self.transport, seconds)
  if not ok then interrupt.pass_on(err) end
end

function Client:_now() return self.transport:now() end

-- }====

takes.auth = { { "opts", options.of { { "timeout", check.timeout } } } }

--- Authenticates now, which any call does by itself when it needs to.
---
---     print(assert(client:auth()).tokenType) --> Bearer
---@param opts? { timeout?: number }
---@return { tokenType: string, expiresAt?: integer }|nil result `expiresAt` in ms since the epoch; absent for a static
---  token, whose end is not known
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Client:auth(opts)
  local result, err = self:_drive(core.auth(self.core, opts))
  if not result then return nil, err end
  if result.expiresIn then
    result.expiresAt = math.floor((core.time() + result.expiresIn) * 1000)
    result.expiresIn = nil
  end
  return result
end

---@class cdfworkflow.CheckFinding
---@field what string "name resolution", "connection", "TLS", "token", "clock", "project", "sessionsAcl:CREATE",
---  "workflowOrchestrationAcl:READ", "workflowOrchestrationAcl:WRITE", "session", "version …", "lint", "input"
---@field ok boolean
---@field message string one line: what was found, and what to do where it is not ok

---@class cdfworkflow.CheckOptions
---@field workflow_external_id? string|integer looks for its version as well
---@field version? string|integer may be left out where the workflow has exactly one
---@field input? table|userdata that a run would get

takes.check = { { "opts", options.of({
  { "workflow_external_id", check.name },
  { "version", check.name },
  { "input", check.json_object },
}, function(given)
  if given.workflow_external_id == nil and (given.version ~= nil or given.input ~= nil) then
    return "version and input need a workflow_external_id"
  end
end) } }

--- Finds out whether a run would work, and starts none: name resolution, connection, TLS, the token, the clock against
--- CDF's, the project and the rights, which kind of session a run would use; with `workflow_external_id` also whether
--- the version is there, what `cdf.lint` says of it, and whether the input fits. What cannot be looked at because of
--- what failed before it is left out. All that goes wrong is among the findings: there is no error beside them.
---
---     for _, finding in ipairs(client:check { workflow_external_id = "report" }) do
---       if not finding.ok then print(finding.what, finding.message) end
---     end
---@param opts? cdfworkflow.CheckOptions
---@return cdfworkflow.CheckFinding[] findings
function Client:check(opts) return require("cdfworkflow.api.checkup").check(self, opts) end

-- {==== Short forms ====

for _, name in ipairs { "run", "retrieve", "cancel", "retry", "wait", "watch" } do
  takes[name] = method.declared["client.workflows.executions:" .. name]
end

--- Starts a workflow version: a token, a session for its nonce, the run. See `executions:run`.
---
---     local execution = assert(client:run("report", "1", { input = { day = 31 }, request_id = "report-31" }))
---     print(execution.status) --> RUNNING
---@param workflow_external_id string
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|cdfworkflow.DryRequest[]|nil execution
---@return cdfworkflow.Error? err of any kind
function Client:run(workflow_external_id, version, opts)
  return self:_start(workflow_external_id, version, opts)
end

--- One execution in detail. See `executions:retrieve`.
---
---     print(assert(client:retrieve(execution)).executedTasks[1].status) --> IN_PROGRESS
---@param execution string|cdfworkflow.Execution
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Client:retrieve(execution) return self.workflows.executions:_retrieve(execution) end

--- Cancels a running execution. See `executions:cancel`.
---
---     print(assert(client:cancel(execution, "the wrong day")).status) --> TERMINATED
---@param execution string|cdfworkflow.Execution
---@param reason? string at most 500 characters
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Client:cancel(execution, reason) return self.workflows.executions:_cancel(execution, reason) end

--- Starts an execution that failed again. See `executions:retry`.
---
---     print(failed.status, assert(client:retry(failed)).status) --> FAILED RUNNING
---@param execution string|cdfworkflow.Execution
---@param opts? cdfworkflow.RetryOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind
function Client:retry(execution, opts) return self.workflows.executions:_retry(execution, opts) end

--- Waits for the end of an execution, whatever it is. See `executions:wait`.
---
---     print(assert(client:wait(execution)).status) --> COMPLETED
---@param execution string|cdfworkflow.Execution
---@param opts? cdfworkflow.WaitOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Client:wait(execution, opts) return self.workflows.executions:_wait(execution, opts) end

--- Follows an execution, event by event. An error is raised, as the error table. See `executions:watch`.
---
---     for event in client:watch(execution) do print(event.type) end
---@param execution string|cdfworkflow.Execution
---@param opts? cdfworkflow.WatchOptions
---@return fun(): cdfworkflow.Event|nil
function Client:watch(execution, opts) return self.workflows.executions:_watch(execution, opts) end

takes.pause = { { "trigger", check.trigger_segment, required = true } }

--- Pauses a schedule, which starts nothing until it is resumed. See `triggers:pause`.
---
---     assert(client:pause "nightly")
---@param schedule_or_name string|cdfworkflow.Schedule|cdfworkflow.Trigger
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"; "invalid" for a schedule by function, which CDF
---  cannot pause
function Client:pause(schedule_or_name) return self.workflows.triggers:_pause(schedule_or_name) end

takes.resume = takes.pause

--- Lets a paused schedule go on. See `triggers:resume`.
---
---     assert(client:resume "nightly")
---@param schedule_or_name string|cdfworkflow.Schedule|cdfworkflow.Trigger
---@return true|nil done
---@return cdfworkflow.Error? err of any kind but "ambiguous"
function Client:resume(schedule_or_name) return self.workflows.triggers:_resume(schedule_or_name) end

-- }====

local QUERY = check.map("a table of text, numbers and booleans", function(value)
  return type(value) == "string" or type(value) == "boolean" or type(value) == "number" and value - value == 0
end)
local HEADERS = check.map("a table of text by text", check.string.accepts)

takes.request = {
  { "method", check.choice { "GET", "POST", "PUT", "PATCH", "DELETE" }, required = true },
  { "path", check.string, required = true },
  { "body", check.json_object },
  { "opts", options.of { { "query", QUERY }, { "headers", HEADERS }, { "timeout", check.timeout } } },
}

--- Any other CDF endpoint of the project, with the same token, retries and errors. A POST or PATCH that may have been
--- carried out is not repeated, unless it only reads, or is known to end the same (`call/nature.lua`). A DELETE that is
--- repeated after a lost answer, and then finds nothing, is done.
---
---     local rows = { { timestamp = 1767225600000, value = 3 } }
---     assert(client:request("POST", "/timeseries/data", { items = { { externalId = "rows", datapoints = rows } } }))
---@param http_method "GET"|"POST"|"PUT"|"PATCH"|"DELETE"
---@param path string under the project, percent-encoded, such as "/timeseries/list"
---@param body? table|userdata a table, or what `cdf.json` gives
---@param opts? { query?: table, headers?: table<string, string>, timeout?: number }
---@return table|nil
---@return cdfworkflow.Error? err of any kind
function Client:request(http_method, path, body, opts)
  opts.repeats = require "cdfworkflow.call.nature"(http_method, path)
  opts.result = http_method == "DELETE" and "gone" or nil
  return self:_call(http_method, path, body, opts)
end

client.class = method.class(Client, "client", takes)

--- What has a file of its own.
local function of_schedule(name)
  return function()
    local schedule = require "cdfworkflow.api.schedule"
    return method.add(Client, "client", name, schedule[name], schedule.takes[name])
  end
end

later.functions(Client, {
  schedule = of_schedule "schedule", schedules = of_schedule "schedules", unschedule = of_schedule "unschedule",
})

return client
