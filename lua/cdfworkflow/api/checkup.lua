-- SPDX-License-Identifier: Apache-2.0
-- client:check{…}: whether a run would work, found out without starting one: the way to CDF, the token, the clock, the
-- rights, the version, its definition and the input.

local core = require "cdfworkflow.core"
local dry_run = require "cdfworkflow.call.dry_run"
local json = require "cdfworkflow.json"
local lint = require "cdfworkflow.definition.lint"

local checkup = {}

local QUICK = { timeout = 10, max_retries = 2 } -- of one request: somebody waits for the list
local MOST_SKEW = 60 -- seconds; token lifetimes and the signatures of certificates go by this machine's clock
local RIGHTS = {
  { "sessionsAcl", "CREATE", "a run needs a session" },
  { "workflowOrchestrationAcl", "READ", "following a run needs it, and finding one whose answer was lost" },
  { "workflowOrchestrationAcl", "WRITE", "starting a run needs it" },
}

-- {==== A transport that takes notes ====

--- What kept requests from being answered, and which finding it belongs to; other failures belong to the call.
local FAILURES = {
  resolve = "name resolution", connect = "connection", proxy = "connection", timeout = "connection", tls = "TLS",
}

local Witness = {}
Witness.__index = Witness

function Witness:now() return self.transport:now() end

function Witness:sleep(seconds) return self.transport:sleep(seconds) end

function Witness:check() return self.transport.check and self.transport:check() end

function Witness:http(request)
  local before = core.time()
  local response = self.transport:http(request)
  local scheme, host = request.url:match "^(%a+)://([^/?#]*)"
  if host == self.cdf then self.cut_off = response.failure and FAILURES[response.failure] ~= nil end
  self.hosts[#self.hosts + 1] = { scheme = scheme, host = host, failure = response.failure }
  local date = not response.failure and response.headers and response.headers.date
  if date and host == self.cdf then self.date, self.time = date, (before + core.time()) / 2 end
  return response
end

local function witness_of(client)
  return setmetatable({
    transport = client.transport, hosts = {}, cdf = client.base_url:match "^%a+://([^/?#]*)",
  }, Witness)
end

-- }====

-- {==== The way to CDF ====

--- Each host that was asked, and the last failure there; in the order of the first request.
local function hosts_of(witness)
  local list, known = {}, {}
  for _, seen in ipairs(witness.hosts) do
    local one = known[seen.host]
    if not one then
      one = { host = seen.host, scheme = seen.scheme }
      known[seen.host], list[#list + 1] = one, one
    end
    one.trouble = seen.failure and FAILURES[seen.failure]
  end
  return list
end

local SUCCESS = { ["name resolution"] = "found: %s", connection = "answered: %s", TLS = "trusted: %s" }

--- `reasons` maps a host to the error of the call that went there.
local function way(add, witness, reasons)
  local hosts = hosts_of(witness)
  for _, what in ipairs { "name resolution", "connection", "TLS" } do
    local good, bad = {}, false
    for _, one in ipairs(hosts) do
      if one.trouble == what then
        add(what, false, ("%s: %s"):format(one.host, reasons[one.host] or "no answer"))
        bad = true
      elseif not one.unreached then
        good[#good + 1] = what == "TLS" and one.scheme == "http" and one.host .. " (http to this machine)" or one.host
      end
      one.unreached = one.unreached or one.trouble == what
    end
    if not bad and #good > 0 then add(what, true, SUCCESS[what]:format(table.concat(good, ", "))) end
  end
end

--- `Date` has whole seconds: half of one is the best guess.
local function clock(add, witness)
  local date = witness.date and core.http_date(witness.date)
  if not date then return end
  local skew = witness.time - (date + 0.5)
  if math.abs(skew) <= 1 then skew = 0 end -- no more than the whole seconds and the way make of it
  local apart = skew == 0 and "this machine and CDF agree within a second"
    or ("this machine is %.0f s %s CDF"):format(math.abs(skew), skew > 0 and "ahead of" or "behind")
  local fine = math.abs(skew) <= MOST_SKEW
  add("clock", fine, fine and apart or apart .. ": set its clock (NTP)")
end

-- }====

-- {==== The token and its rights ====

local function as_table(value) return type(value) == "table" and value or {} end

local function project(add, client, inspection)
  local names, found = {}, false
  for _, one in ipairs(as_table(inspection.projects)) do
    local name = as_table(one).projectUrlName
    found = found or name == client.project
    names[#names + 1] = tostring(name)
  end
  local others = #names > 0 and "; it reaches " .. table.concat(names, ", ") or ""
  add("project", found, found and client.project .. " at " .. client.base_url
    or ("this login does not reach the project %s%s"):format(client.project, others))
end

local function is_for(capability, name)
  local scope = as_table(capability.projectScope)
  if capability.projectScope == nil or scope.allProjects then return true end
  for _, one in ipairs(as_table(scope.projects)) do
    if one == name then return true end
  end
  return false
end

--- "all", or the names of narrower scopes; nil where the right is not there.
local function scope_of(inspection, name, acl, action)
  local narrower
  for _, capability in ipairs(as_table(inspection.capabilities)) do
    local right = as_table(as_table(capability)[acl])
    for _, one in ipairs(is_for(as_table(capability), name) and as_table(right.actions) or {}) do
      if one == action then
        local scope = as_table(right.scope)
        if scope.all or next(scope) == nil then return "all" end
        narrower = narrower or tostring((next(scope)))
      end
    end
  end
  return narrower
end

local function rights(add, client, inspection)
  for _, right in ipairs(RIGHTS) do
    local acl, action, why = right[1], right[2], right[3]
    local scope = scope_of(inspection, client.project, acl, action)
    local message = "missing: " .. why
    if scope then message = scope == "all" and "granted" or "granted for a part only (" .. scope .. ")" end
    add(acl .. ":" .. action, scope ~= nil, message)
  end
end

--- What of the project and the rights a token's inspection shows to be missing.
---@param client cdfworkflow.Client
---@param inspection table what `GET /api/v1/token/inspect` gave
---@return string[] missing such as "project", "sessionsAcl:CREATE"
function checkup.missing(client, inspection)
  local missing = {}
  local function add(what, ok)
    if not ok then missing[#missing + 1] = what end
  end
  project(add, client, inspection)
  rights(add, client, inspection)
  return missing
end

--- CDF.md section 3: without a secret there is no session of client credentials.
local function session(add, client)
  local login = core.describe(client.settings.credentials)
  if login.has_secret then
    return add("session", true, "a run uses client credentials, those of " .. login.client_id)
  end
  local advice = client.words and client.words.session or 'give the run client_credentials, or session = "oneshot"'
  add("session", true, "a run uses token exchange, since this login has no client secret; where the identity provider "
    .. "cannot do that, " .. advice)
end

local function lifetime(result)
  if not result.expiresAt then return "its end is not known" end
  return ("good for %.0f min"):format(math.max(result.expiresAt / 1000 - core.time(), 0) / 60)
end

local function host_of(url) return url:match "^%a+://([^/?#]*)" end

--- Asks for a token, and CDF what it is worth; without one CDF is asked all the same, for the way and the clock.
local function sign_in(client, witness)
  local double = client:_double { transport = witness, core = client:_core_again(QUICK) }
  local reasons = {}
  local result, err = double:auth()
  if not result then
    reasons[host_of(core.describe(client.settings.credentials).token_url) or ""] = err.message
    double = client:_double { transport = witness,
      core = client:_core_again { timeout = QUICK.timeout, max_retries = QUICK.max_retries,
        credentials = core.credentials { token = "none" } } }
    double.on_event = nil
  end
  local inspection, refusal = double:_inspect()
  if not inspection then reasons[witness.cdf] = refusal.message end
  return {
    double = double, reasons = reasons, token = result, inspection = result and inspection,
    problem = err or refusal and refusal.kind == "auth" and refusal, trouble = refusal,
    cut_off = witness.cut_off,
  }
end

local function token(add, login)
  if login.problem then return add("token", false, login.problem.message) end
  add("token", true, login.inspection and lifetime(login.token) or "there is one, but CDF could not be asked about it")
end

local function access(add, client, login)
  if not login.inspection then return add("project", false, login.trouble.message) end
  project(add, client, login.inspection)
  rights(add, client, login.inspection)
end

-- }====

-- {==== The version ====

--- The version that was asked for, or the only one.
local function find(client, opts)
  local versions = client.workflows.versions
  local id, version = opts.workflow_external_id, opts.version
  if version ~= nil then return versions:retrieve(id, version) end
  local found, err = versions:list { workflowFilters = { { externalId = id } }, limit = math.huge }
  if not found then return nil, err end
  if #found == 1 then return found[1] end
  if #found == 0 then return nil, { message = ("the workflow %s has no version"):format(id) } end
  local names = {}
  for i, one in ipairs(found) do names[i] = tostring(as_table(one).version) end
  return nil, { message = ("the workflow %s has several: say which of %s"):format(id, table.concat(names, ", ")) }
end

local function definition(add, version)
  local errors, warnings, first = 0, 0, nil
  for _, finding in ipairs(lint(version)) do
    local is_error = finding.severity == "error"
    if is_error then errors = errors + 1 else warnings = warnings + 1 end
    if not first or is_error and first.severity ~= "error" then first = finding end
  end
  if not first then return add("lint", true, "nothing to say") end
  add("lint", errors == 0, ("%d errors, %d warnings: %s: %s"):format(errors, warnings, first.path, first.message))
end

--- The members of the input that the definition asks for.
local function asked_for(value, names)
  if type(value) == "string" then
    for name in value:gmatch "%${workflow%.input%.([^}.%[]+)" do names[name] = true end
  elseif type(value) == "table" then
    for _, member in pairs(value) do asked_for(member, names) end
  end
  return names
end

local function input(add, client, opts, version)
  local requests, err = dry_run.requests(client, function(double)
    return double:_start(opts.workflow_external_id, version.version or opts.version, { input = opts.input })
  end)
  if not requests then return add("input", false, err.message) end
  local given, absent = json.plain(opts.input), {}
  for name in pairs(asked_for(version.workflowDefinition, {})) do
    if given[name] == nil then absent[#absent + 1] = name end
  end
  table.sort(absent)
  add("input", #absent == 0, #absent == 0 and "has what the definition asks for"
    or "lacks what the definition asks for: " .. table.concat(absent, ", "))
end

local function workflow(add, client, opts)
  local version, err = find(client, opts)
  local what = opts.version ~= nil and "version " .. tostring(opts.version) or "version"
  if not version then return add(what, false, err.message) end
  what = "version " .. tostring(version.version or opts.version)
  add(what, true, "of the workflow " .. tostring(opts.workflow_external_id))
  definition(add, version)
  if opts.input ~= nil then input(add, client, opts, version) end
end

-- }====

--- See `client:check`.
---@param client cdfworkflow.Client
---@param opts? cdfworkflow.CheckOptions
---@return cdfworkflow.CheckFinding[] findings
function checkup.check(client, opts)
  local findings = {}
  local function add(what, ok, message) findings[#findings + 1] = { what = what, ok = ok, message = message } end
  local witness = witness_of(client)
  local login = sign_in(client, witness)
  way(add, witness, login.reasons)
  token(add, login)
  clock(add, witness)
  if login.problem or login.cut_off then return findings end
  access(add, client, login)
  if login.inspection and opts.workflow_external_id ~= nil then workflow(add, login.double, opts) end
  session(add, client)
  return findings
end

return checkup
