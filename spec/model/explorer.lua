-- SPDX-License-Identifier: Apache-2.0
-- Runs a scenario in every world there is up to so many faults. A run notes which requests were made, and each of them
-- may meet a fault in the next one; where nature had a choice, both are tried. Nothing is tried twice.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local faults = require "model.faults"
local judge = require "model.judge"
local model = require "model.cdf"
local world = require "model.world"

local explorer = {}

local unpack = table.unpack or unpack -- luacheck: ignore 143 (Lua 5.1)
local credentials

--- A client of this library in that world.
local function client_of(w, scenario)
  credentials = credentials or assert(cdf.credentials {
    client_id = "svc", client_secret = "s", token_url = model.TOKEN_URL })
  return assert(cdf.client { project = "p", base_url = "https://cdf.example", transport = w, credentials = credentials,
    timeout = not scenario.untold and scenario.timeout or nil })
end

--- Calls once; notes what became of it. A kill gives nil.
---@return spec.model.Outcome|nil
local function call(w, scenario, client)
  local outcome = { began = w.time, first = #w.exchanges + 1 }
  local ok, result, err = pcall(scenario.call, client, w)
  if not ok and result == faults.KILLED then return nil end
  outcome.ended = w.time
  if not ok then
    outcome.raised = tostring(result)
  elseif result then
    outcome.result = result
  elseif err then
    outcome.err = err
  else
    outcome.raised = "neither a result nor an error"
  end
  return outcome
end

--- The next process, which may be killed as well.
local function go_on(w, scenario, make)
  local outcome
  repeat
    w.process = w.process + 1
    w:pass(scenario.pause)
    outcome = call(w, scenario, make(w, scenario))
  until outcome
  return outcome
end

--- One world from its beginning to its end.
---@param scenario spec.model.Scenario
---@param plan spec.model.Fault[]
---@param choices? table<string, string> of nature
---@param make? fun(w: spec.model.World, scenario: spec.model.Scenario): table the client; this library's unless told
---@return spec.model.World w
---@return spec.model.Outcome outcome
---@return string[] blamed
function explorer.run(scenario, plan, choices, make)
  make = make or client_of
  local w = world.new(plan, choices or {})
  local real_time = core.time
  core.time = function() return w:wall() end
  if scenario.prepare then scenario.prepare(w) end
  local outcome = call(w, scenario, make(w, scenario))
  if scenario.twice or not outcome then outcome = go_on(w, scenario, make) end
  w:settle()
  core.time = real_time
  return w, outcome, judge.judge(w, scenario, outcome)
end

-- {==== How a world is written down ====

--- "run_id: run#1=lost_after list#2=slow | listed=late"
---@return string
function explorer.line(scenario, plan, choices)
  local parts = {}
  for i, one in ipairs(plan) do
    parts[i] = one.kind == "clock" and one.fault or ("%s#%d=%s"):format(one.kind, one.nth, one.fault)
  end
  local chosen = {}
  for name, value in pairs(choices or {}) do
    if value ~= model.CHOICES[name][1] then chosen[#chosen + 1] = name .. "=" .. value:gsub(" ", "_") end
  end
  table.sort(chosen)
  local text = scenario.name .. ":" .. (parts[1] and " " or "") .. table.concat(parts, " ")
  return chosen[1] and text .. " | " .. table.concat(chosen, " ") or text
end

--- Reads such a line.
---@return string scenario, spec.model.Fault[] plan, table<string, string> choices
function explorer.read(line)
  local name, rest = line:match "^%s*([%w_]+):%s*(.-)%s*$"
  if not name then error("not a line of the explorer: " .. line, 0) end
  local planned, chosen = rest:match "^(.-)%s*|%s*(.*)$"
  local plan, choices = {}, {}
  for word in (planned or rest):gmatch "%S+" do
    local kind, nth, fault = word:match "^([%w_]+)#(%d+)=(%S+)$"
    plan[#plan + 1] = { kind = kind or "clock", nth = tonumber(nth) or 1, fault = fault or word }
    faults.get(plan[#plan].fault)
  end
  for choice, value in (chosen or ""):gmatch "(%w+)=(%S+)" do choices[choice] = value:gsub("_", " ") end
  return name, plan, choices
end

-- }====

-- {==== Every world ====

---@class spec.model.Search
---@field depth integer the most faults in a plan
---@field alphabet "full"|"small"
---@field reach integer how many requests of a kind, after the fault before, may meet the next one
---@field make? function see `explorer.run`
---@field found? fun(line: string, blamed: string[]) told of each violation
---@field visited? fun(line: string) told of each world

local function copy(map)
  local new = {}
  for key, value in pairs(map) do new[key] = value end
  return new
end

local function has_kill(plan)
  for _, one in ipairs(plan) do
    if one.fault:find("^kill") then return true end
  end
  return false
end

--- The places at which the next fault can be put, in requests beyond index `from`: { kind, nth, index }.
local function places(w, from, after_fault, reach)
  local counts, found = {}, {}
  for i = after_fault + 1, #w.exchanges do
    local kind = w.exchanges[i].kind
    counts[kind] = (counts[kind] or 0) + 1
    if i > from and counts[kind] <= reach then found[#found + 1] = { kind = kind, nth = counts[kind], index = i } end
  end
  return found
end

local Search = {}
Search.__index = Search

--- What nature chose before that exchange, which stays so in the worlds that part from this one there.
local function settled(w, choices, index)
  local fixed = copy(choices)
  for _, one in ipairs(w.consulted) do
    if one.index < index then fixed[one.name] = one.value end
  end
  return fixed
end

function Search:tally(w, outcome, scenario, plan, blamed)
  local figures, options = self.figures, self.options
  figures.sequences = figures.sequences + 1
  figures.requests = figures.requests + #w.exchanges
  figures.starts = figures.starts + #scenario.effects(w)
  if options.visited then options.visited(explorer.line(scenario, plan, w.chosen)) end
  local became = outcome.err and (outcome.err.kind == "ambiguous" and "ambiguous" or "refused") or "known"
  figures[became] = figures[became] + 1
  figures.worst = math.max(figures.worst, outcome.ended - outcome.began)
  if blamed[1] then
    figures.violations = figures.violations + 1
    if options.found then options.found(explorer.line(scenario, plan, w.chosen), blamed, w) end
  end
end

--- The worlds that part from this one by nature's choosing otherwise.
function Search:other_nature(w, scenario, plan, choices)
  for i, one in ipairs(w.consulted) do
    if not choices[one.name] then
      local otherwise = settled(w, choices, one.index)
      for j = 1, i - 1 do otherwise[w.consulted[j].name] = w.consulted[j].value end
      otherwise[one.name] = model.CHOICES[one.name][2]
      self:visit(scenario, plan, otherwise, one.index)
    end
  end
end

--- The worlds in which one more fault happens, after all that has made this one what it is.
function Search:more_faults(w, scenario, plan, choices, since)
  local options = self.options
  local last = w.fired[#w.fired] or 0
  for _, place in ipairs(places(w, math.max(last, since), last, options.reach)) do
    for _, name in ipairs(faults.of(options.alphabet, place.kind)) do
      local mortal = faults.get(name).mortal
      if not mortal or scenario.mortal and not has_kill(plan) then
        local longer = { unpack(plan) }
        longer[#longer + 1] = { kind = place.kind, nth = place.nth, fault = name }
        self:visit(scenario, longer, settled(w, choices, place.index), 0)
      end
    end
  end
end

--- `since`: faults before this exchange are tried elsewhere.
function Search:visit(scenario, plan, choices, since)
  local w, outcome, blamed = explorer.run(scenario, plan, choices, self.options.make)
  if w.next <= #plan then return end -- the jitter has led elsewhere: the plan's last fault met nothing
  self:tally(w, outcome, scenario, plan, blamed)
  self:other_nature(w, scenario, plan, choices)
  if #plan < self.options.depth then self:more_faults(w, scenario, plan, choices, since) end
end

--- Explores a scenario.
---@param scenario spec.model.Scenario
---@param options spec.model.Search
---@return table figures
function explorer.explore(scenario, options)
  local search = setmetatable({ options = options, figures = {
    sequences = 0, requests = 0, starts = 0, known = 0, ambiguous = 0, refused = 0, worst = 0, violations = 0,
  } }, Search)
  search:visit(scenario, {}, {}, 0)
  if scenario.looks then
    for _, name in ipairs(faults.of(options.alphabet, "clock")) do
      search:visit(scenario, { { kind = "clock", nth = 1, fault = name } }, {}, 0)
    end
  end
  return search.figures
end

-- }====

return explorer
