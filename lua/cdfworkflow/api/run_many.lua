-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.executions:run_many: many runs, a number of them at the same time.

local check = require "cdfworkflow.check"
local gather = require "cdfworkflow.call.gather"
local mistake = require "cdfworkflow.mistake"
local options = require "cdfworkflow.options"

local run_many = {}

---@class cdfworkflow.RunManyOptions
---@field concurrency? integer runs under way at the same time; 10 unless told
---@field on_progress? fun(done: integer, all: integer, index: integer, execution: table|nil, err: table|nil) after each

--- The arguments of `run`, one after the other in a table.
local function item_kind(run)
  return {
    word = "a table { workflow_external_id, version, options }", accepts = check.object.accepts,
    look = function(item, path, method)
      for key in pairs(item) do
        if not run[key] then
          mistake.raise(("%s: %s has a member %s; options come in a table, third"):format(method, path, tostring(key)))
        end
      end
      for i, argument in ipairs(run) do options.expect_argument(argument, item[i], path, method) end
    end,
  }
end

---@param run cdfworkflow.Member[] the arguments of `run`
function run_many.takes(run)
  return {
    { "list", options.list(item_kind(run)), required = true },
    { "opts", options.of {
      { "concurrency", check.whole(1, math.huge), default = 10 },
      { "on_progress", check.fn },
    } },
  }
end

--- Starts many runs, several at the same time. An error in one does not disturb the others. A mistake in the list,
--- such as an item without a version, raises before anything is sent; one in `on_progress` once the runs under way have
--- their answers, and no others are started.
---
---     local _, errors = client.workflows.executions:run_many({
---       { "report", "1", { input = { day = 30 } } }, { "report", "1", { input = { day = 31 } } },
---     }, { concurrency = 2 })
---     for i, err in pairs(errors) do print(i, err) end
---@param self cdfworkflow.Executions
---@param list table[] of { workflow_external_id, version, options }, the options as of `run`
---@param opts? cdfworkflow.RunManyOptions
---@return table[] results in the order of the list, each an execution or an error
---@return table<integer, cdfworkflow.Error> errors the errors alone, by their place in the list
function run_many.run_many(self, list, opts)
  local results, errors = {}, {}
  local next_index, done, failure = 1, 0, nil
  local function run_one(i)
    local item = list[i]
    local execution, err = self:run(item[1], item[2], item[3])
    results[i], errors[i] = execution or err, err
    done = done + 1
    if opts.on_progress then opts.on_progress(done, #list, i, execution, err) end
  end
  local function work()
    while next_index <= #list and failure == nil do
      local i = next_index
      next_index = i + 1
      run_one(i)
    end
  end
  local workers = {}
  for i = 1, math.min(opts.concurrency, #list) do workers[i] = work end
  gather.run_list(workers, function(raised) failure = raised end)
  if failure ~= nil then error(failure, 0) end
  return results, errors
end

return run_many
