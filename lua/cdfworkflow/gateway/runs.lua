-- SPDX-License-Identifier: Apache-2.0
-- How a run is, and its end at a caller's wish.

local answers = require "cdfworkflow.gateway.answers"
local core = require "cdfworkflow.core"
local why = require "cdfworkflow.definition.why"

local runs = {}

local SHOWN = { "id", "status", "version", "createdTime", "startTime", "endTime", "reasonForIncompletion" }

local function is_unknown(err)
  return err.kind == "invalid" or err.kind == "api" and err.code ~= nil and (err.status == 400 or err.status == 404)
end

--- The execution, if it is one of the workflow.
---@param client cdfworkflow.Client
---@return cdfworkflow.Execution|nil
---@return cdfworkflow.gateway.Answer? refusal
---@return cdfworkflow.Error? err
function runs.find(client, workflow, id)
  local execution, err = client.workflows.executions:retrieve(id)
  if err and not is_unknown(err) then return nil, answers.failure(err, ""), err end
  if not execution or execution.workflowExternalId ~= workflow then
    return nil, answers.refusal("not_found", ("there is no such run of %s"):format(workflow))
  end
  return execution
end

local function task_of(task)
  return { externalId = task.externalId, status = task.status, reason = task.reasonForIncompletion }
end

--- What a caller may know of an execution: not what went into it, nor what came out.
---@param execution cdfworkflow.Execution
---@param delivery? string the id of the delivery that it was started for
---@return cdfworkflow.gateway.Answer
function runs.show(workflow, execution, delivery)
  local shown = { workflow = workflow, delivery = delivery, why = why(execution), tasks = core.array {} }
  for _, member in ipairs(SHOWN) do shown[member] = execution[member] end
  for i, task in ipairs(type(execution.executedTasks) == "table" and execution.executedTasks or {}) do
    shown.tasks[i] = task_of(task)
  end
  return answers.json(200, shown)
end

--- Ends it.
---@param client cdfworkflow.Client
---@param caller string
---@return cdfworkflow.gateway.Answer
---@return cdfworkflow.Error? err
function runs.cancel(client, workflow, execution, caller)
  if execution.status ~= "RUNNING" then
    return answers.refusal("ended", ("it has ended already, as %s"):format(tostring(execution.status)))
  end
  local by = caller == "" and "" or " by " .. caller
  local cancelled, err = client:cancel(execution, "cancelled through the gateway" .. by)
  if cancelled then return answers.json(200, { id = execution.id, workflow = workflow, status = cancelled.status }) end
  if err.kind == "api" and err.status == 400 then return answers.refusal("ended", err.message) end -- it has just ended
  return answers.failure(err, "there is no such run"), err
end

return runs
