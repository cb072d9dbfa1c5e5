-- SPDX-License-Identifier: Apache-2.0
-- What the gateway counts, for all workers together, as Prometheus reads it. The counters live in the host's shared
-- dictionary; which there are follows from the workflows and from the codes of refusals, so nothing is searched for.

local answers = require "cdfworkflow.gateway.answers"

---@class cdfworkflow.gateway.Metrics
---@field private shared table `get` and `incr` of ngx.shared
---@field private workflows string[] sorted; the first is empty: requests for none that there is
local Metrics = {}
Metrics.__index = Metrics

--- Upper ends of the latencies that are told apart, in seconds; a run takes 25 at most.
local BUCKETS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30 }

---@param shared table
---@param workflows table<string, string>
---@return cdfworkflow.gateway.Metrics
function Metrics.new(shared, workflows)
  local names = { "" }
  for workflow in pairs(workflows) do names[#names + 1] = workflow end
  table.sort(names)
  return setmetatable({ shared = shared, workflows = names }, Metrics)
end

local function key(...) return "metric:" .. table.concat({ ... }, "\0") end

function Metrics:add(name, by) self.shared:incr(name, by, 0) end

--- A delivery and what became of it: "started", "replayed", "queued", or the code of its refusal.
---@param workflow string
---@param outcome string
---@param seconds number
function Metrics:delivery(workflow, outcome, seconds)
  self:add(key("deliveries", workflow), 1)
  self:add(key(outcome, workflow), 1)
  local bucket = #BUCKETS + 1
  for i = #BUCKETS, 1, -1 do
    if seconds <= BUCKETS[i] then bucket = i end
  end
  self:add(key("seconds", tostring(bucket)), 1)
  self:add(key "seconds sum", seconds)
end

--- A run that was started on behalf of a delivery that was answered long before.
---@param workflow string
function Metrics:start(workflow) self:add(key("started", workflow), 1) end

-- {==== Prometheus' text format ====

local function label(value) return (value:gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" })) end

local function number(value) return value % 1 == 0 and ("%.0f"):format(value) or ("%.6f"):format(value) end

local function head(lines, name, kind, help)
  lines[#lines + 1] = ("# HELP %s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE %s %s"):format(name, kind)
end

local function line(lines, name, value) lines[#lines + 1] = name .. " " .. number(value) end

function Metrics:count(...) return self.shared:get(key(...)) or 0 end

--- One counter for each workflow.
function Metrics:by_workflow(lines, name, outcome, help)
  head(lines, name, "counter", help)
  for _, workflow in ipairs(self.workflows) do
    local count = self:count(outcome, workflow)
    if workflow ~= "" or count > 0 then line(lines, ('%s{workflow="%s"}'):format(name, label(workflow)), count) end
  end
end

function Metrics:refusals(lines)
  local name = "cdfworkflow_gateway_refusals_total"
  head(lines, name, "counter", "Deliveries that were refused, or failed, by the code of the answer.")
  for _, workflow in ipairs(self.workflows) do
    for _, code in ipairs(answers.codes) do
      local count = self:count(code, workflow)
      if count > 0 then line(lines, ('%s{workflow="%s",code="%s"}'):format(name, label(workflow), code), count) end
    end
  end
end

function Metrics:latencies(lines)
  local name, total = "cdfworkflow_gateway_delivery_seconds", 0
  head(lines, name, "histogram", "Seconds until a delivery was answered.")
  for i = 1, #BUCKETS + 1 do
    total = total + self:count("seconds", tostring(i))
    line(lines, ('%s_bucket{le="%s"}'):format(name, BUCKETS[i] and ("%g"):format(BUCKETS[i]) or "+Inf"), total)
  end
  line(lines, name .. "_sum", self:count "seconds sum")
  line(lines, name .. "_count", total)
end

--- Everything, as text.
---@param gauges { [1]: string, [2]: number, [3]: string }[] names, values and what they are
---@return string
function Metrics:text(gauges)
  local lines, prefix = {}, "cdfworkflow_gateway_"
  self:by_workflow(lines, prefix .. "deliveries_total", "deliveries", "Deliveries that came.")
  self:by_workflow(lines, prefix .. "queued_total", "queued", "Deliveries that were put into the queue.")
  self:by_workflow(lines, prefix .. "starts_total", "started", "Runs that were started.")
  self:by_workflow(lines, prefix .. "replays_total", "replayed", "Repeated deliveries that were answered with the run.")
  self:refusals(lines)
  self:latencies(lines)
  for _, gauge in ipairs(gauges) do
    head(lines, prefix .. gauge[1], "gauge", gauge[3])
    line(lines, prefix .. gauge[1], gauge[2])
  end
  return table.concat(lines, "\n") .. "\n"
end

-- }====

return Metrics
