-- SPDX-License-Identifier: Apache-2.0
-- client:schedule{ via = "function" }: a function on a schedule starts the workflow (CDF.md section 9). The function is
-- deployed once, its schedules are replaced so that at no moment there is none.

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local cron = require "cdfworkflow.cron"
local starter = require "cdfworkflow.api.starter"
local wait = require "cdfworkflow.api.wait"

local by_function = {}

local DEPLOY_INTERVAL = 3 -- seconds before the second look; a build takes minutes
local NAME = check.text(140, 1) -- of a schedule and of a function
local DATA_SET = check.id "a data set"
local LONGEST_INPUT = 102400 -- bytes of JSON that a run takes

--- Seconds that one attempt to create a schedule takes at most, so that the nonce is alive for the second.
local ATTEMPT = 30
--- Seconds after a session's answer when whatever its nonce can bring about has happened, and lists show it: a nonce is
--- dead after 70 s, a list at most 10 s behind (src/look.h).
local SETTLED = 80
local LONGEST_PAUSE = 10 -- seconds between two looks
local REVOKE_TIMEOUT = 5

-- {==== What is checked before anything is sent ====

local function check_credentials(credentials)
  if type(credentials) == "table" then return true end
  return check.invalid("client_credentials", "client_credentials must be { client_id =, client_secret = } with "
    .. "via = \"function\": the function keeps them as its secrets", "a table")
end

local function check_times(opts)
  if opts.timezone and opts.timezone ~= "UTC" then
    return check.invalid("timezone", "timezone must be UTC with via = \"function\": function schedules know no other",
      "UTC")
  end
  local fields, problem = cron.read(opts.cron)
  if not fields then return check.invalid("cron", "cron: " .. problem, "five UNIX fields") end
  return true
end

local function check_input(input)
  if input == nil then return true end
  local ok, err = check.json(input, "input")
  if not ok then return nil, err end
  local text = core.encode(input, "input")
  if not text:find "^%s*{" then
    return check.invalid("input", "input must be a JSON object", "a JSON object")
  end
  if #text <= LONGEST_INPUT then return true end
  return check.invalid("input", ("input is larger than %d bytes of JSON"):format(LONGEST_INPUT), LONGEST_INPUT)
end

--- The schedule as CDF is to have it, without its function: the data as it is sent, and as CDF would give it back, so
--- that the two can be compared: [] and {} told apart, numbers exact.
---@return table|nil wanted
---@return cdfworkflow.Error? err
local function wanted_of(opts)
  local data = {
    ["workflow-external-id"] = opts.workflow_external_id, ["workflow-version"] = opts.version,
    input = opts.input, metadata = opts.metadata,
  }
  local ok, err = check.json(data, "data")
  if not ok then return nil, err end
  return { name = opts.name, cronExpression = opts.cron, sent = data, data = core.decode(core.encode(data)) }
end

--- The request that creates the schedule for a function.
local function creation(wanted, function_id, nonce, opts)
  local item = {
    name = wanted.name, cronExpression = wanted.cronExpression, data = wanted.sent, functionId = function_id,
  }
  return "POST", "/functions/schedules", { items = { item } }, {
    repeats = "run", nonce_in = "items.nonce", nonce = nonce, result = "item",
    client_credentials = not nonce and opts.client_credentials or nil,
  }
end

---@return table|nil wanted
---@return cdfworkflow.Error? err
local function prepare(client, opts)
  local ok, err = check_credentials(opts.client_credentials)
  if ok then ok, err = check_times(opts) end
  if ok then ok, err = NAME.use(opts.name, "name") end
  if ok then ok, err = NAME.use(opts.function_external_id, "function_external_id") end
  if ok and opts.data_set_id then ok, err = DATA_SET.use(opts.data_set_id, "data_set_id") end
  if ok then ok, err = check_input(opts.input) end
  if not ok then return nil, err end
  local wanted
  wanted, err = wanted_of(opts)
  if not wanted then return nil, err end
  ok, err = client:_acceptable(creation(wanted, 1, nil, opts))
  if not ok then return nil, err end
  return wanted
end

-- }====

local function no_usable_id(what) return answer.protocol(("CDF's %s has no usable id"):format(what)) end

-- {==== The function ====

--- The starter function, or false when there is none that could come to run.
local function find_starter(client, external_id)
  local fn, err = client.functions:retrieve(external_id)
  if not fn then
    if answer.is_missing(err) then return false end
    return nil, err
  end
  if fn.status ~= "Failed" then return fn end
  local ok
  ok, err = client.functions:delete(fn.id) -- a build that failed stays so
  if not ok then return nil, err end
  return false
end

local function deploy(client, external_id, opts)
  return client.functions:create({
    name = external_id, externalId = external_id, functionPath = "handler.py",
    description = "Starts workflow versions on a schedule",
    secrets = {
      ["client-id"] = opts.client_credentials.client_id,
      ["client-secret"] = opts.client_credentials.client_secret,
      project = client.project,
    },
  }, { zip = starter.zip, data_set_id = opts.data_set_id })
end

local function failed(fn)
  local reason = type(fn.error) == "table" and fn.error or {}
  return nil, core.error {
    kind = "api", code = reason.code,
    message = ("the function %s could not be deployed: %s"):format(tostring(fn.name),
      type(reason.message) == "string" and reason.message or "CDF gives no reason"),
  }
end

--- Waits until the function is Ready.
local function ready(client, fn, timeout)
  local next_look = wait.poller(client, function(patience)
    return answer.first("function",
      client:_call("POST", "/functions/byids", { items = { { id = fn.id } } }, { timeout = patience }))
  end, { timeout = timeout, interval = DEPLOY_INTERVAL })
  while fn.status ~= "Ready" do
    local now, err = next_look()
    if not now then
      if err.waited then
        err.message = ("the function %s is %s, %s; calling again waits on"):format(tostring(fn.name),
          tostring(fn.status), err.message)
      end
      return nil, err
    end
    if now.status == "Failed" then return failed(now) end
    fn = now
  end
  return fn
end

--- The id of the starter function, deployed where it is not there yet, and ready.
---@return number|nil id
---@return cdfworkflow.Error? err
local function function_id(client, opts)
  local external_id = opts.function_external_id
  local fn, err = find_starter(client, external_id)
  if fn == false then fn, err = deploy(client, external_id, opts) end
  if fn and not check.is_id(fn.id) then return no_usable_id "function" end
  if fn then fn, err = ready(client, fn, opts.deploy_timeout) end
  if not fn then return nil, err end
  return fn.id
end

-- }====

-- {==== Its schedules ====

---@class cdfworkflow.StarterSchedule
---@field resource cdfworkflow.FunctionSchedule
---@field data table
---@field is_new? boolean made by this call

--- The starter's schedules, each with its data; those without a workflow are somebody else's.
---@return cdfworkflow.StarterSchedule[]|nil found
---@return cdfworkflow.Error? err
local function schedules_of(client, fn_id, name)
  local resources, err = client.functions.schedules:list { functionId = fn_id, name = name, limit = math.huge }
  if not resources then return nil, err end
  local found = {}
  for _, resource in ipairs(resources) do
    if not check.is_id(resource.id) then return no_usable_id "schedule" end
    local input
    input, err = client.functions.schedules:input_data(resource.id)
    if not input then return nil, err end
    local data = type(input.data) == "table" and input.data or {}
    if type(data["workflow-external-id"]) == "string" then found[#found + 1] = { resource = resource, data = data } end
  end
  return found
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if core.is_array(a) ~= core.is_array(b) then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- The one of that name that is just as wanted, or false, and all others.
---@return cdfworkflow.StarterSchedule|false|nil kept nil when they cannot be listed
---@return cdfworkflow.StarterSchedule[]|table stale or the error
local function look(client, fn_id, wanted)
  local found, err = schedules_of(client, fn_id, wanted.name)
  if not found then return nil, err end
  local kept, stale = false, {}
  for _, one in ipairs(found) do
    if not kept and one.resource.cronExpression == wanted.cronExpression and same(one.data, wanted.data) then
      kept = one
    else
      stale[#stale + 1] = one
    end
  end
  return kept, stale
end

--- After the second attempt, which gave `err`, looks until nothing more can come of the nonce.
local function settle(client, fn_id, wanted, born, err)
  local pause = 1
  while true do
    local asked = client:_now()
    local kept, trouble = look(client, fn_id, wanted)
    if kept then return kept end
    if asked - born >= SETTLED then
      if kept == nil then
        return nil, core.error { kind = "ambiguous", retryable = false,
          message = ("%s; looking for the schedule failed: %s"):format(err.message, tostring(trouble)) }
      end
      if err.kind ~= "ambiguous" then return nil, err end
      return nil, core.error { kind = "transport", retryable = true,
        message = "the schedule was not made: CDF's answer was lost, and it is not there" }
    end
    client:_sleep(math.min(pause, math.max(born + SETTLED - client:_now(), 0.1)))
    pause = math.min(2 * pause, LONGEST_PAUSE)
  end
end

--- CDF has refused the schedule itself, so nobody uses the session; what becomes of this matters to nobody either.
local function revoke(client, session)
  if not check.is_id(session.id) then return end
  client:_call("POST", "/sessions/revoke", { items = { { id = session.id } } }, { timeout = REVOKE_TIMEOUT })
end

--- CDF itself has refused the one attempt there was: whatever it was, it was not done.
local function is_plain_refusal(err)
  return err.kind == "api" and answer.is_own(err) and err.status < 500 and err.attempts == 1
end

--- An attempt may have made the schedule, or CDF has put it off so often that its nonce has aged.
local function is_open(err)
  return err.kind == "ambiguous" or err.kind == "protocol" or err.retryable and err.status and err.status ~= 429
end

--- Makes the schedule with one session, once: its nonce binds once, so a second attempt after a lost answer cannot make
--- another one.
---@return cdfworkflow.StarterSchedule|nil made
---@return cdfworkflow.Error? err
---@return boolean? again nothing of it came to CDF
local function make_once(client, fn_id, wanted, opts)
  local session, err = client.sessions:create { client_credentials = opts.client_credentials }
  if not session then return nil, err end
  local born = client:_now()
  local function create()
    local method, path, body, how = creation(wanted, fn_id, session.nonce, opts)
    how.timeout = math.min(client.timeout or ATTEMPT, ATTEMPT)
    local resource, trouble = answer.first("schedule", client:_call(method, path, body, how))
    if resource and check.is_id(resource.id) then return { resource = resource, data = wanted.data } end
    return nil, trouble or core.error { kind = "ambiguous", message = "CDF's new schedule has no usable id" }
  end
  local made
  made, err = create()
  if made then return made end
  if not is_open(err) then
    if is_plain_refusal(err) then revoke(client, session) end
    return nil, err, err.retryable
  end
  made = look(client, fn_id, wanted)
  if made then return made end
  made, err = create()
  if made then return made end
  return settle(client, fn_id, wanted, born, err)
end

--- With a new session each time, as long as nothing came to CDF, in the time of one call.
local function make(client, fn_id, wanted, opts)
  local deadline, pause = client:_now() + client.timeout, 1
  while true do
    local made, err, again = make_once(client, fn_id, wanted, opts)
    if not again or client:_now() + pause >= deadline then return made, err end
    client:_sleep(pause)
    pause = math.min(2 * pause, LONGEST_PAUSE)
  end
end

--- Whether the schedule is there; nil when that cannot be told.
local function is_there(client, id)
  local found, err = client.functions.schedules:retrieve(id)
  if found then return true end
  if answer.is_missing(err) then return false end
  return nil
end

--- Takes the new schedule back where the old one is surely there and stays, and says how things are; true where it is
--- not there after all. A deletion that was lost may still come, so then the new one stays.
local function take_back(client, made, old, err)
  if is_there(client, old.resource.id) == false then return true end
  local stays = is_plain_refusal(err)
  local taken = stays and made.is_new and client.functions.schedules:delete(made.resource.id)
  if not stays then err.kind = "ambiguous" end
  err.message = ("the old schedule %.0f could not be deleted: %s; %s"):format(old.resource.id, err.message,
    taken and "the new one was taken back" or
    ("the one that was asked for, %.0f, is there as well; calling again leaves one of them"):format(made.resource.id))
  return nil, err
end

--- Deletes those that are no longer wanted, now that `made` is there.
local function delete_stale(client, made, stale)
  for _, old in ipairs(stale) do
    local done, err = client.functions.schedules:delete(old.resource.id)
    if not done and not answer.is_missing(err) then
      done, err = take_back(client, made, old, err)
      if not done then return nil, err end
    end
  end
  return true
end

-- }====

---@return cdfworkflow.Schedule
local function shown(one)
  return {
    via = "function", name = one.resource.name, resource = one.resource,
    workflow_external_id = one.data["workflow-external-id"], version = one.data["workflow-version"],
    cron = one.resource.cronExpression, timezone = "UTC",
  }
end

--- See `client:schedule`. The new schedule is made before the old one goes: a run twice in those seconds is less than
--- none at all from then on.
---@param client table
---@param opts table the options, with `name` and the identifiers as text
---@return cdfworkflow.Schedule|nil schedule
---@return cdfworkflow.Error? err
function by_function.schedule(client, opts)
  local wanted, err = prepare(client, opts)
  if not wanted then return nil, err end
  local fn_id
  fn_id, err = function_id(client, opts)
  if not fn_id then return nil, err end
  local one, stale = look(client, fn_id, wanted)
  if one == nil then return nil, stale end
  if not one then
    one, err = make(client, fn_id, wanted, opts)
    if not one then return nil, err end
    one.is_new = true
  end
  local ok
  ok, err = delete_stale(client, one, stale)
  if not ok then return nil, err end
  return shown(one)
end

--- All schedules of the starter function.
---@param client table
---@param external_id string of the function
---@return cdfworkflow.Schedule[]|nil schedules
---@return cdfworkflow.Error? err
function by_function.list(client, external_id)
  local fn, err = client.functions:retrieve(external_id)
  if not fn then
    if answer.is_missing(err) then return {} end
    return nil, err
  end
  if not check.is_id(fn.id) then return no_usable_id "function" end
  local found
  found, err = schedules_of(client, fn.id)
  if not found then return nil, err end
  for i, one in ipairs(found) do found[i] = shown(one) end
  return found
end

return by_function
