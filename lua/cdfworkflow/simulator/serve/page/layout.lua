-- SPDX-License-Identifier: Apache-2.0
-- What every page has around it: the head, the clock with its buttons, the way to the other pages, and the notice of
-- what a click has done.

local forms = require "cdfworkflow.simulator.serve.page.forms"
local guard = require "cdfworkflow.simulator.serve.page.guard"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"

local fill = markup.fill

local layout = {}

local PAGE = [[
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/ui/style.css"><script src="/ui/refresh.js" defer></script></head>
<body data-refresh="{refresh}">
<a class="skip" href="#main">To the content</a>
<header><div class="bar"><a class="brand" href="/">cdfworkflow-sim</a>{!project}
<div class="clock"><time>{clock} UTC</time>{!moves}</div></div>
{!navigation}</header>
<main id="main">
{!notice}<h1>{heading}</h1>
{!body}
</main>
<footer>{!still}<span>{only_shows}</span>
<span class="lost">The simulator does not answer; this is what it showed last.</span></footer>
</body></html>
]]

local MOVES = { { "60", "+1 min" }, { "3600", "+1 h" }, { "86400", "+1 d" } }

local function moves(view)
  local buttons = {}
  for i, move in ipairs(MOVES) do
    buttons[i] = forms.button(view, "/ui/controls", { deed = "advance", seconds = move[1], back = view.path }, move[2],
      { title = "Move the simulator's clock" })
  end
  return table.concat(buttons)
end

local ROOMS = {
  { "executions", "Executions" }, { "workflows", "Workflows" }, { "schedules", "Schedules", below = "triggers" },
  { "functions", "Functions" }, { "sessions", "Sessions" },
}

local function is_below(view, path)
  return view.path:sub(1, #path + 1) == path .. "/"
end

---@param below string|nil another path whose pages belong to this tab
local function tab(view, path, label, below)
  local here = ""
  if view.path == path then
    here = ' aria-current="page"'
  elseif is_below(view, path) or below and is_below(view, below) then
    here = ' aria-current="true"'
  end
  return fill('<a href="{path}"{!here}>{label}</a>', { path = path, label = label, here = here })
end

local function navigation(view)
  local links = {}
  local project = view.project or view.sim.projects[view.sim.project_names[1]]
  for _, room in ipairs(ROOMS) do
    links[#links + 1] = tab(view, markup.path("ui", project.name, room[1]), room[2],
      room.below and markup.path("ui", project.name, room.below))
  end
  links[#links + 1] = tab(view, "/ui/controls", "Clock and faults")
  return '<nav aria-label="Pages">' .. table.concat(links) .. "</nav>"
end

-- Several projects are told apart by their names; which one the links lead to is always said.
local function project_name(view)
  local name = view.project and view.project.name or view.sim.project_names[1]
  return fill('<span class="project">{name}</span>', { name = name })
end

local function notice(view)
  local told = view.notice
  return told and fill('<div class="notice {tone}" role="status">{text}</div>', told) or ""
end

---@class cdfworkflow.simulator.PageText
---@field title string
---@field body string HTML
---@field refresh integer? seconds after which the page looks again; none where there is something to be typed
---@field status integer? of the answer; default 200

--- The whole page.
---@param view cdfworkflow.simulator.View
---@param text cdfworkflow.simulator.PageText
---@return string html
function layout.whole(view, text)
  local still = text.refresh and '<noscript><a href="">Look again</a></noscript>' or ""
  return fill(PAGE, {
    title = text.title .. " · cdfworkflow-sim", heading = text.title,
    refresh = text.refresh or "", body = text.body, clock = parts.moment(view.now), moves = moves(view),
    project = project_name(view), navigation = navigation(view), notice = notice(view), still = still,
    only_shows = view.page.guard.acts and "" or guard.ONLY_SHOWS,
  })
end

return layout
