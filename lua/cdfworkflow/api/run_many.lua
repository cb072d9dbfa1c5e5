-- SPDX-License-Identifier: Apache-2.0
-- client.workflows.executions:run_many: many runs, a number of them at the same time.

local check = require "cdfworkflow.check"
local gather = require "cdfworkflow.call.gather"
local options = require "cdfworkflow.options"

local OPTIONS = { "concurrency", "on_progress" }
local CONCURRENCY = 10

---@class cdfworkflow.RunManyOptions
---@field concurrency? integer runs under way at the same time; 10 unless told
---@field on_progress? fun(done: integer, all: integer, index: integer, execution: table|nil, err: table|nil) after each

local function check_arguments(list, opts)
  if type(list) ~= "table" then error("run_many: the list must be a table, not " .. type(list), 3) end
  check.sequence(list, "list")
  for i = 1, #list do
    if type(list[i]) ~= "table" then
      error(("run_many: item %d must be a table { external_id, version, options }, not %s"):format(i, type(list[i])), 3)
    end
    for key in pairs(list[i]) do
      if key ~= 1 and key ~= 2 and key ~= 3 then
        error(("run_many: item %d has a member %s; options come in a table, third"):format(i, tostring(key)), 3)
      end
    end
  end
  local concurrency = opts.concurrency or CONCURRENCY
  if type(concurrency) ~= "number" or concurrency < 1 or concurrency % 1 ~= 0 then
    error("run_many: concurrency must be a whole number above 0", 3)
  end
  if opts.on_progress ~= nil and type(opts.on_progress) ~= "function" then
    error("run_many: on_progress must be a function, not " .. type(opts.on_progress), 3)
  end
  return concurrency
end

--- Raises for the first item with which `run` would raise. What `run` gives an error for is left to it.
local function check_items(self, list)
  for i, item in ipairs(list) do
    local ok, mistake = pcall(self.client._check_run, self.client, item[1], item[2], item[3])
    if not ok then
      local message = tostring(mistake):gsub("^[^\n]-:%d+: ", "") -- where this library noticed it says nothing here
      error(("run_many: item %d: %s"):format(i, message), 3)
    end
  end
end

--- Starts many runs, several at the same time. An error in one does not disturb the others. A mistake in the program,
--- such as an item without a version, raises before the first is started.
---@param self cdfworkflow.Executions
---@param list table[] of { external_id, version, options }, the options as of `run`
---@param opts? cdfworkflow.RunManyOptions
---@return table[] results in the order of the list, each an execution or an error
---@return table<integer, cdfworkflow.Error> errors the errors alone, by their place in the list
local function run_many(self, list, opts)
  opts = options.check(opts, OPTIONS, "run_many")
  local concurrency = check_arguments(list, opts)
  check_items(self, list)
  local results, errors = {}, {}
  local next_index, done, mistake = 1, 0, nil
  local function run_one(i)
    local item = list[i]
    local execution, err = self:run(item[1], item[2], item[3])
    results[i], errors[i] = execution or err, err
    done = done + 1
    if opts.on_progress then opts.on_progress(done, #list, i, execution, err) end
  end
  local function work()
    while next_index <= #list and mistake == nil do
      local i = next_index
      next_index = i + 1
      run_one(i)
    end
  end
  local workers = {}
  for i = 1, math.min(concurrency, #list) do workers[i] = work end
  gather.run_list(workers, function(raised) mistake = raised end)
  if mistake ~= nil then error(mistake, 0) end
  return results, errors
end

return run_many
