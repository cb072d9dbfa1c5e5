-- SPDX-License-Identifier: Apache-2.0
-- What ran when: a bar for every attempt at every task, over time. Bars are placed in percent, so that they fit any
-- width and no text is shrunk.

local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local reading = require "cdfworkflow.simulator.serve.page.reading"

local fill = markup.fill

local timeline = {}

local MOST_TICKS = 5
local LAST_TICK = 82 -- percent; one further right would have its words cut
local THINNEST = 0.5 -- percent
local STEPS = {
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
}

local function step_for(ms)
  for _, seconds in ipairs(STEPS) do
    if ms / (seconds * 1000) <= MOST_TICKS then return seconds * 1000 end
  end
  return math.ceil(ms / (MOST_TICKS * 86400000)) * 86400000
end

local function ticks(span)
  local list, step = {}, step_for(span.length)
  for offset = 0, span.length, step do
    local at = 100 * offset / span.length
    if at <= LAST_TICK then list[#list + 1] = { at = at, words = parts.duration(offset) } end
  end
  return list
end

local function percent(number)
  return ("%.2f%%"):format(number)
end

local function grid(span)
  local lines = {}
  for i, tick in ipairs(span.ticks) do
    lines[i] = fill('<line x1="{at}" x2="{at}" y1="-3" y2="23"/>', { at = percent(tick.at) })
  end
  return table.concat(lines)
end

local function scale(span)
  local words = {}
  for i, tick in ipairs(span.ticks) do
    words[i] = fill('<text x="{at}" y="13">{words}</text>', { at = percent(tick.at), words = tick.words })
  end
  return '<div class="lane scale"><span></span><svg width="100%" height="18" aria-hidden="true">' .. table.concat(words)
    .. "</svg><span></span></div>"
end

local function bar(attempt, span, is_past)
  local from = 100 * (attempt.startTime - span.from) / span.length
  local till = 100 * ((attempt.endTime or span.till) - span.from) / span.length
  local width = math.max(till - from, THINNEST)
  return fill('<rect class="{tone}{past}" x="{x}" width="{width}" y="4" height="12" rx="3"><title>{words}</title>'
    .. "</rect>", {
    tone = parts.tone(attempt.status), past = is_past and " past" or "", x = percent(math.min(from, 100 - width)),
    width = percent(width), words = parts.words(attempt.status) .. ", " .. parts.elapsed(attempt, span.till),
  })
end

local function lane(entry, span)
  local attempts, bars = reading.attempts(entry), {}
  if #attempts == 0 then return "" end
  for i, attempt in ipairs(attempts) do bars[i] = bar(attempt, span, i < #attempts) end
  return fill('<div class="lane"><a class="label" href="#t-{id}">{name}</a>'
    .. '<svg width="100%" height="20" role="img" aria-label="{words}">{!grid}{!bars}</svg>'
    .. '<span class="took">{took}</span></div>', {
    id = entry.id, name = reading.task_name(entry), words = parts.words(entry.status), grid = span.grid,
    bars = table.concat(bars), took = parts.elapsed(entry, span.till),
  })
end

---@param execution table the stored record
---@param now integer
---@return string html, empty before a task has begun
function timeline.draw(execution, now)
  local from, till = execution.startTime, execution.endTime or now
  if not from then return "" end
  local span = { from = from, till = till, length = math.max(till - from, 100) }
  span.ticks = ticks(span)
  span.grid = grid(span)
  local lanes = {}
  for i, entry in ipairs(execution.executedTasks) do lanes[i] = lane(entry, span) end
  if table.concat(lanes) == "" then return "" end
  local drawn = scale(span) .. table.concat(lanes, "\n")
  return parts.section("Timeline", '<div class="card timeline">' .. drawn .. "</div>")
end

return timeline
