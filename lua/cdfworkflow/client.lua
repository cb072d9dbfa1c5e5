-- SPDX-License-Identifier: Apache-2.0
-- The client: settings, transport and namespaces, and the few doors through which namespaces call CDF.

local Calls = require "cdfworkflow.api.calls"
local Executions = require "cdfworkflow.api.executions"
local Files = require "cdfworkflow.api.files"
local Functions = require "cdfworkflow.api.functions"
local Schedules = require "cdfworkflow.api.schedules"
local Sessions = require "cdfworkflow.api.sessions"
local Tasks = require "cdfworkflow.api.tasks"
local Triggers = require "cdfworkflow.api.triggers"
local Versions = require "cdfworkflow.api.versions"
local Workflows = require "cdfworkflow.api.workflows"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local drive = require "cdfworkflow.call.drive"
local options = require "cdfworkflow.options"
local schedule = require "cdfworkflow.api.schedule"
local transport = require "cdfworkflow.transport"

---@class cdfworkflow.Error an error as `nil, err` brings it; `tostring(err)` is one line
---@field kind "invalid"|"auth"|"transport"|"tls"|"timeout"|"throttled"|"api"|"protocol"|"ambiguous"|"cancelled"
---@field message string one line for a person
---@field status? integer HTTP status of the answer
---@field code? integer|string as CDF or the identity provider said it
---@field requestId? string CDF's x-request-id
---@field missing? table as CDF said it
---@field duplicated? table
---@field extra? table
---@field retryable? boolean whether trying again later can help
---@field attempts? integer requests sent
---@field elapsed? number seconds

---@class cdfworkflow.ClientOptions
---@field project string
---@field cluster? string such as "westeurope-1"; or base_url
---@field base_url? string https, or http to loopback
---@field credentials userdata what `cdf.credentials` gives
---@field client_name? string the x-cdp-app header; "cdfworkflow" unless told
---@field timeout? number seconds for one whole call with token, session and retries; 60 unless told
---@field connect_timeout? number seconds; 10 unless told
---@field max_retries? integer 10 unless told
---@field max_connections? integer at the same time; 100 unless told
---@field max_response_size? integer bytes after decompression; 16 MiB unless told
---@field proxy? string URL; "" for none; the environment (https_proxy, NO_PROXY) unless told
---@field ca_file? string certificate authorities in PEM form, in place of the system's
---@field transport? table how requests travel; what fits the host (plain script, nginx, HAProxy) unless told
---@field token_store? table tokens shared with other processes: `ngx.shared.NAME`, or anything with its `get`, `set`
---  and `add`
---@field on_event? fun(event: table) told of requests, answers and retries; sees no secret

---@class cdfworkflow.RunOptions
---@field input? table a JSON object, at most 102,400 bytes of JSON
---@field metadata? table<string, string> at most 10 pairs, key ≤ 32, value ≤ 255 characters
---@field nonce? string of a session of your own
---@field client_credentials? table|userdata for the session of this run: { client_id =, client_secret = } or
---  credentials; the client's own unless told
---@field session? "client_credentials"|"token_exchange"|"oneshot" default: the first where there are client
---  credentials, otherwise the second
---@field request_id? string makes the run exactly-once: it travels in the metadata under `cdfworkflow.requestId`, and
---  after a lost answer the run is looked for before it is started again
---@field look_back? number seconds; with `request_id`: what was started with it so far back is looked for before
---  anything is sent, and returned
---@field timeout? number seconds

---@class cdfworkflow.RetryOptions
---@field nonce? string
---@field client_credentials? table|userdata
---@field session? string
---@field request_id? string after a lost answer, looks whether the execution runs again before retrying once more
---@field timeout? number seconds

---@class cdfworkflow.Client
---@field workflows cdfworkflow.Workflows
---@field sessions cdfworkflow.Sessions
---@field functions cdfworkflow.Functions
---@field files cdfworkflow.Files
local Client = {}
Client.__index = Client
Client.__name = "cdfworkflow.Client"

local CORE_OPTIONS = {
  "project",
  "cluster",
  "base_url",
  "credentials",
  "client_name",
  "timeout",
  "connect_timeout",
  "max_retries",
  "max_response_size",
}
local CLIENT_OPTIONS = {
  "project",
  "cluster",
  "base_url",
  "credentials",
  "client_name",
  "timeout",
  "connect_timeout",
  "max_retries",
  "max_response_size",
  "max_connections",
  "proxy",
  "ca_file",
  "transport",
  "on_event",
  "token_store",
}
local RUN_OPTIONS = { "input", "metadata", "nonce", "client_credentials", "session", "request_id", "look_back",
  "timeout" }
local RETRY_OPTIONS = { "nonce", "client_credentials", "session", "request_id", "timeout" }
local SESSION_OPTIONS = { "client_credentials", "session", "timeout" }
local REQUEST_OPTIONS = { "query", "headers", "timeout" }

local client = { OPTIONS = CLIENT_OPTIONS }

local function pick(from, names)
  local picked = {}
  for _, name in ipairs(names) do
    picked[name] = from[name]
  end
  return picked
end

local function namespace(class, owner) return setmetatable({ client = owner }, class) end

local function add_namespaces(self)
  self.workflows = namespace(Workflows, self)
  self.workflows.versions = namespace(Versions, self)
  self.workflows.executions = namespace(Executions, self)
  self.workflows.triggers = namespace(Triggers, self)
  self.workflows.tasks = namespace(Tasks, self)
  self.sessions = namespace(Sessions, self)
  self.functions = namespace(Functions, self)
  self.functions.calls = namespace(Calls, self)
  self.functions.schedules = namespace(Schedules, self)
  self.files = namespace(Files, self)
end

local function check_types(opts)
  if opts.on_event ~= nil and type(opts.on_event) ~= "function" then
    error("client: on_event must be a function, not " .. type(opts.on_event), 3)
  end
  if opts.transport ~= nil and type(opts.transport) ~= "table" then
    error("client: transport must be a table, not " .. type(opts.transport), 3)
  end
end

--- A client of one CDF project. Sends nothing yet.
---@param opts cdfworkflow.ClientOptions
---@return cdfworkflow.Client|nil
---@return cdfworkflow.Error? err kind "invalid" when a value cannot be sent
function client.new(opts)
  options.check(opts, CLIENT_OPTIONS, "cdf.client")
  check_types(opts)
  local core_client, err = core.client(pick(opts, CORE_OPTIONS))
  if not core_client then return nil, err end
  local self = setmetatable({
    project = opts.project,
    base_url = (opts.base_url or ("https://%s.cognitedata.com"):format(opts.cluster)):gsub("/+$", ""),
    core = core_client,
    transport = opts.transport or transport.of_host(pick(opts, { "max_connections", "proxy", "ca_file" })),
    token_store = opts.token_store,
    on_event = opts.on_event,
    timeout = opts.timeout or 60,
  }, Client)
  add_namespaces(self)
  return self
end

function Client:__tostring() return ("cdfworkflow.Client: project %s at %s"):format(self.project, self.base_url) end

--- Closes the connections. Calls after this raise. Closing twice is no mistake.
function Client:close()
  if self.closed then return end
  self.closed = true
  if self.transport.close then self.transport:close() end
end

Client.__close = Client.close

--- {==== Doors for the namespaces ====

--- Runs a call that the core made, or passes its error on.
function Client:_drive(call, err)
  if not call then return nil, err end
  return drive.run(call, self)
end

local function check_open(self)
  if self.closed then error("this cdfworkflow client is closed", 3) end
end

--- A member of a query as text: a string, true or false, or a number that is one.
local function query_text(name, value)
  if type(value) == "string" or type(value) == "boolean" then return tostring(value) end
  if type(value) == "number" and value - value == 0 then
    return value == math.floor(value) and check.digits(value) or tostring(value)
  end
  error(("query: %s must be text, a number or a boolean, not %s"):format(tostring(name), tostring(value)), 0)
end

local function add_query(path, query)
  local names = {}
  for name in pairs(query or {}) do
    names[#names + 1] = name
  end
  if not names[1] then return path end
  table.sort(names)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = core.form(name) .. "=" .. core.form(query_text(name, query[name]))
  end
  return path .. (path:find("?", 1, true) and "&" or "?") .. table.concat(parts, "&")
end

local REPEATS = { always = "safe", throttled = "unsafe" }

--- One API call under the project. `opts`: `query`, `headers`, `timeout`; `repeatable` ("always" or "throttled": only
--- where CDF has surely done nothing); `deletes`: a 404 after a lost answer means that it was done; `nonce`
--- ("authentication" or "nonce", or behind "items." in the one item of the body): where the nonce of a fresh session
--- goes, with `session`, `client_credentials` and `given_nonce`; `secrets`: texts in the body for no error to repeat.
---@return table|nil
---@return cdfworkflow.Error? err
function Client:_call(method, path, body, opts)
  check_open(self)
  opts = opts or {}
  return self:_drive(core.request(self.core, method, add_query(path, opts.query), body, {
    timeout = opts.timeout,
    headers = opts.headers,
    ["repeat"] = REPEATS[opts.repeatable or "always"],
    nonce_in = opts.nonce,
    nonce = opts.given_nonce,
    session = opts.session,
    client_credentials = opts.client_credentials,
    result = opts.deletes and "gone" or nil,
    secrets = opts.secrets,
  }))
end

function Client:_run(external_id, version, opts)
  check_open(self)
  return self:_drive(core.run(self.core, external_id, version, options.check(opts, RUN_OPTIONS, "run")))
end

function Client:_retry(id, opts)
  check_open(self)
  opts = options.check(opts, RETRY_OPTIONS, "retry")
  local uuid, err = check.uuid("id", id)
  if not uuid then return nil, err end
  local path = "/workflows/executions/" .. uuid .. "/retry"
  return self:_drive(core.request(self.core, "POST", path, nil, {
    ["repeat"] = "run",
    result = "execution",
    nonce_in = "authentication",
    nonce = opts.nonce,
    session = opts.session,
    client_credentials = opts.client_credentials,
    timeout = opts.timeout,
    request_id = opts.request_id,
    look_path = opts.request_id and "/workflows/executions/" .. uuid,
  }))
end

function Client:_session(opts)
  check_open(self)
  return self:_drive(core.session(self.core, options.check(opts, SESSION_OPTIONS, "sessions:create")))
end

--- PUT of bytes to an upload URL, which is its own permission: no access token goes there.
function Client:_put(url, bytes, opts)
  check_open(self)
  return self:_drive(core.upload(self.core, url, bytes, opts))
end

function Client:_sleep(seconds) self.transport:sleep(seconds) end

function Client:_now() return self.transport:now() end

--- }====

--- Authenticates now, which any call does by itself when it needs to.
---@param opts? { timeout?: number }
---@return { tokenType: string, expiresAt?: integer }|nil result `expiresAt` in ms since the epoch; absent for a static
---  token, whose end is not known
---@return cdfworkflow.Error? err
function Client:auth(opts)
  check_open(self)
  local result, err = self:_drive(core.auth(self.core, options.check(opts, { "timeout" }, "auth")))
  if not result then return nil, err end
  if result.expiresIn then
    result.expiresAt = math.floor((core.time() + result.expiresIn) * 1000)
    result.expiresIn = nil
  end
  return result
end

--- Starts a workflow version: a token, a session for its nonce, the run. At most once: where the answer is lost after
--- the run may have started, the error's kind is "ambiguous" (README «Promises»).
---@param external_id string of the workflow
---@param version string|integer
---@param opts? cdfworkflow.RunOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err
function Client:run(external_id, version, opts) return self.workflows.executions:run(external_id, version, opts) end

--- Waits for the end of an execution, whatever it is. See `Executions:wait`.
---@param execution string|cdfworkflow.Execution
---@param opts? cdfworkflow.WaitOptions
---@return cdfworkflow.Execution|nil execution
---@return cdfworkflow.Error? err
function Client:wait(execution, opts) return self.workflows.executions:wait(execution, opts) end

Client.schedule = schedule.schedule
Client.schedules = schedule.schedules
Client.unschedule = schedule.unschedule

local READING_POSTS = { list = true, byids = true, search = true, aggregate = true }

--- What repeating a request that may have been carried out would do (CDF.md section 12).
local function nature(method, path)
  if method ~= "POST" and method ~= "PATCH" then return "safe" end
  path = path:match("^[^?]*"):gsub("/+$", "")
  local last = path:match("[^/]*$")
  if path:match("^/workflows/") and (last == "run" or last == "retry") then return "run" end
  local first = path:match("^/[^/]*")
  if READING_POSTS[last] or first == "/workflows" or first == "/sessions" then return "safe" end
  return "unsafe"
end

--- Any other CDF endpoint of the project, with the same token, retries and errors. A POST that may have been carried
--- out is not repeated, unless it only reads, or is of workflows or sessions and can be repeated.
---@param method "GET"|"POST"|"PUT"|"PATCH"|"DELETE"
---@param path string under the project, percent-encoded, such as "/timeseries/list"
---@param body? table
---@param opts? { query?: table, headers?: table<string, string>, timeout?: number }
---@return table|nil
---@return cdfworkflow.Error? err
function Client:request(method, path, body, opts)
  check_open(self)
  opts = options.check(opts, REQUEST_OPTIONS, "request")
  if type(path) ~= "string" then
    error("bad argument 'path' to request (string expected, got " .. type(path) .. ")", 2)
  end
  return self:_drive(core.request(self.core, method, add_query(path, opts.query), body, {
    timeout = opts.timeout,
    headers = opts.headers,
    ["repeat"] = nature(method, path),
  }))
end

return client
