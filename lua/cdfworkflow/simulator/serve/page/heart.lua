-- SPDX-License-Identifier: Apache-2.0
-- How the page acts: through the simulator's own API, as a client that may enter the project. It never writes into the
-- state itself, is not in the log, and is hit by no ordered fault: those are for the programs under test.

local auth = require "cdfworkflow.simulator.api.auth"
local core = require "cdfworkflow.core"
local markup = require "cdfworkflow.simulator.serve.markup"

local heart = {}

local function client_of(view)
  for _, principal in ipairs(view.sim.directory.order) do
    if auth.may_enter(principal, view.project.name) then return principal end
  end
end

--- Asks the API of the view's project.
---@param view cdfworkflow.simulator.View
---@param method string
---@param path string behind the project's, encoded
---@param body table?
---@return any|nil answer
---@return string|nil message why CDF refuses
function heart.ask(view, method, path, body)
  local client = client_of(view)
  if not client then return nil, "No client may enter this project." end
  local text, problem
  if body then
    text, problem = core.encode(body)
    if not text then return nil, tostring(problem) end
  end
  local response = view.sim:answer({
    method = method, path = markup.path("api", "v1", "projects", view.project.name) .. path,
    headers = { ["content-type"] = "application/json" }, body = text,
  }, client)
  local answer = core.decode(response.body)
  if response.status < 300 then return answer end
  return nil, answer.error.message
end

-- What an action has made due happens at once, also where only the user moves the clock.
local function act(view, method, path, body)
  local answer, message = heart.ask(view, method, path, body)
  if answer then view.sim:advance(0) end
  return answer, message
end

-- A session of the client's own: unlike a token's it may be opened by every client, and does not run out under a run.
local function nonce(view)
  local client = client_of(view)
  if not client then return nil, "No client may enter this project." end
  local answer, message = heart.ask(view, "POST", "/sessions",
    { items = { { clientId = client.client_id, clientSecret = client.client_secret } } })
  return answer and answer.items[1].nonce, message
end

local function act_with_nonce(view, path, body)
  local value, message = nonce(view)
  if not value then return nil, message end
  body.authentication = { nonce = value }
  return act(view, "POST", path, body)
end

---@param view cdfworkflow.simulator.View
---@param workflow string
---@param version string
---@param given { input: table?, metadata: table? }
---@return table|nil execution, string|nil message
function heart.start(view, workflow, version, given)
  return act_with_nonce(view, markup.path("workflows", workflow, "versions", version, "run"),
    { input = given.input, metadata = given.metadata })
end

---@param view cdfworkflow.simulator.View
---@param id string
---@return table|nil execution, string|nil message
function heart.cancel(view, id)
  return act(view, "POST", markup.path("workflows", "executions", id, "cancel"), { reason = "Cancelled on the page" })
end

---@param view cdfworkflow.simulator.View
---@param id string
---@return table|nil execution, string|nil message
function heart.retry(view, id)
  return act_with_nonce(view, markup.path("workflows", "executions", id, "retry"), {})
end

---@param view cdfworkflow.simulator.View
---@param task_id string
---@param status string
---@param output table|nil
---@return table|nil task, string|nil message
function heart.complete(view, task_id, status, output)
  return act(view, "POST", markup.path("workflows", "tasks", task_id, "update"), { status = status, output = output })
end

---@param view cdfworkflow.simulator.View
---@param trigger string
---@param what "pause"|"resume"
---@return table|nil answer, string|nil message
function heart.switch(view, trigger, what)
  return act(view, "POST", markup.path("workflows", "triggers", trigger, what))
end

--- Fires a trigger now.
---@param view cdfworkflow.simulator.View
---@param trigger string
---@param items table[]|nil what a data trigger saw
---@return table|nil run its newest entry in the trigger's history; an empty table when its items were only kept
---@return string|nil message
function heart.fire(view, trigger, items)
  local history = markup.path("workflows", "triggers", trigger, "history")
  local before = #view.project.state.trigger_runs[trigger]
  view.sim:fire_trigger(trigger, items, view.project.name)
  view.sim:advance(0)
  local answer, message = heart.ask(view, "GET", history .. "?limit=1")
  if not answer then return nil, message end
  return #view.project.state.trigger_runs[trigger] > before and answer.items[1] or {}
end

--- Makes the call of a function schedule now; its next time stays.
---@param view cdfworkflow.simulator.View
---@param id integer
function heart.fire_schedule(view, id)
  view.sim:fire_schedule(id, view.project.name)
  view.sim:advance(0)
end

return heart
