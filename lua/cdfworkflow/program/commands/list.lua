-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow list: the runs of the project.

local arguments = require "cdfworkflow.program.arguments"
local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"
local times = require "cdfworkflow.program.times"

local list = {}

local STATUSES = { "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED" }
local LIMIT = 25

local function moment(text) return times.moment(text, core.time()) end

function list.define(command)
  command:option("--workflow", "Of this workflow only."):argname "ID"
  command:option("--version", "Of this version only."):argname "V"
  command:option("--status", "With this status only; may be given again."):argname "S":count "*"
    :convert(arguments.word(STATUSES))
  command:option("--since", "Created since then: a duration such as 1d, a date, or an RFC 3339 time.")
    :argname "TIME":convert(moment)
  command:option("--limit", "How many at most.", tostring(LIMIT)):argname "N":convert(arguments.count())
end

local function took(execution)
  local from, to = tonumber(execution.startTime), tonumber(execution.endTime)
  return from and to and ("%.0f s"):format((to - from) / 1000) or "-"
end

--- The lines of a table.
local function rows_of(executions)
  local rows = {}
  for i, execution in ipairs(executions) do
    rows[i] = {
      execution.id, execution.status, execution.workflowExternalId, execution.version or "-",
      times.shown(execution.createdTime), took(execution), execution.reasonForIncompletion or "",
    }
  end
  return rows
end

---@param context cdfworkflow.program.Context
---@param args table
function list.run(context, args)
  arguments.needs("--version", args.version, "--workflow", args.workflow)
  local executions = exits.check(context:client().workflows.executions:list {
    limit = args.limit, createdTimeStart = args.since, status = args.status[1] and args.status,
    workflowFilters = args.workflow and { { externalId = args.workflow, version = args.version } },
  })
  context.out:list(executions, function(execution) return execution.id end, function()
    return context.out:columns({ "ID", "STATUS", "WORKFLOW", "VERSION", "CREATED", "TOOK", "REASON" },
      rows_of(executions))
  end)
  if #executions == args.limit then context.out:note(("the newest %d only; --limit shows more"):format(args.limit)) end
end

return list
