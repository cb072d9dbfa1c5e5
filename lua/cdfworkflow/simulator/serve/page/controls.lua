-- SPDX-License-Identifier: Apache-2.0
-- The clock, and the faults that wait for their requests: moving the one, ordering and clearing the others.

local fault_notation = require "cdfworkflow.simulator.serve.fault_notation"
local forms = require "cdfworkflow.simulator.serve.page.forms"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local values = require "cdfworkflow.simulator.serve.page.values"

local fill = markup.fill

local controls = {}

local PATH = "/ui/controls"
local UNITS = { [""] = 1, s = 1, m = 60, h = 3600, d = 86400 }
local FURTHEST = 31 * 86400 -- everything that is due on the way happens while the browser waits

---------------------------------------------------------------------------------------------------------------------
-- The page
---------------------------------------------------------------------------------------------------------------------

local function one_line(fault)
  local shown = {}
  for name, value in pairs(fault) do shown[name] = name ~= "match" and value or nil end
  return (values.json(shown, 300):gsub("%s*\n%s*", " "))
end

local function where(match)
  match = match or {}
  local words = {}
  for _, name in ipairs { "method", "path", "operation" } do words[#words + 1] = match[name] end
  return #words > 0 and table.concat(words, " ") or "any request"
end

local function number(amount)
  return amount and ("%.0f"):format(amount) or "all"
end

local FAULTS = { { "Where" }, { "What" }, { "Lets pass", class = "number" }, { "Hits", class = "number" }, { "" } }

local function faults(view)
  local rows = {}
  for i, ordered in ipairs(view.sim:list_faults()) do
    rows[i] = {
      markup.escape(where(ordered.fault.match)), "<code>" .. markup.escape(one_line(ordered.fault)) .. "</code>",
      number(ordered.skip), number(ordered.left),
      forms.button(view, PATH, { deed = "clear", id = ("%d"):format(ordered.id) }, "Clear"),
    }
  end
  local all = #rows > 1 and forms.button(view, PATH, { deed = "clear" }, "Clear all", { tone = "bad" }) or ""
  return parts.section("Ordered faults", parts.table(FAULTS, rows, "No fault waits for a request.")
    .. (all ~= "" and '<div class="deeds">' .. all .. "</div>" or ""))
end

local function clock_form(view, problem)
  return forms.form(view, PATH, {
    { name = "seconds", label = "Move the clock by", kind = "text", value = problem and view.form.seconds,
      error = problem, sample = "90s, 10m, 2h, 1d",
      hint = "All that is due on the way happens, each thing at its time." },
  }, "Move", { members = { deed = "advance" } })
end

local function fault_form(view, problem)
  return forms.form(view, PATH, {
    { name = "fault", label = "Order a fault", kind = "text", value = problem and (values.mask(view.form.fault or "")),
      error = problem, sample = "run:503x2", hint = "WHERE:WHAT, as on the command line." },
  }, "Order", { members = { deed = "order" } })
end

local function page_of(view, problems)
  problems = problems or {}
  local boxes = clock_form(view, problems.seconds) .. fault_form(view, problems.fault)
  local help = view.page.guard.acts and fill('<details id="notation"><summary>How a fault is written</summary>'
    .. '<pre class="card data">{help}</pre></details>', { help = fault_notation.HELP }) or ""
  return {
    title = "Clock and faults", status = next(problems) and 422 or nil, refresh = not next(problems) and 1 or nil,
    body = (boxes ~= "" and '<div class="pair">' .. boxes .. "</div>" or "") .. help .. faults(view),
  }
end

local function show(view)
  return page_of(view)
end

---------------------------------------------------------------------------------------------------------------------
-- What it does
---------------------------------------------------------------------------------------------------------------------

local deeds = {}

local function read_duration(text)
  local amount, unit = (text or ""):match("^%s*(%d+%.?%d*)%s*([smhd]?)%s*$")
  local seconds = amount and tonumber(amount) * UNITS[unit]
  if not seconds then return nil, "Write a number with s, m, h or d behind it, such as 90s or 10m." end
  if seconds > FURTHEST then return nil, "31 days at most, in one go." end
  return seconds
end

-- Where a button in the head of a page leads back to: one of this server's own pages, whatever was sent.
local function back(view)
  local path = view.form.back or PATH
  return path:find("^/[%w%%._~/-]*$") and not path:find("//", 1, true) and path or PATH
end

function deeds.advance(view)
  local seconds, problem = read_duration(view.form.seconds)
  if not seconds then return page_of(view, { seconds = problem }) end
  view.sim:advance(seconds)
  return { go = back(view), tone = "done",
    said = ("The clock was moved by %s."):format(parts.duration(seconds * 1000)) }
end

function deeds.order(view)
  local fault, problem = fault_notation.parse(view.form.fault or "")
  if not fault then return page_of(view, { fault = problem }) end
  local ok, message = pcall(view.sim.fault, view.sim, fault)
  if not ok then return page_of(view, { fault = tostring(message) }) end
  return { go = PATH, tone = "done", said = "The fault was ordered." }
end

function deeds.clear(view)
  local id = tonumber((view.form.id or ""):match("^%d+$"))
  local count = view.sim:clear_faults(id)
  local said = count == 1 and "The fault was cleared." or ("%d faults were cleared."):format(count)
  return { go = PATH, tone = count > 0 and "done" or "warn", said = said }
end

local function act(view)
  local deed = deeds[view.form.deed]
  return deed and deed(view) or nil
end

controls.routes = {
  { method = "GET", path = PATH, handle = show },
  { method = "POST", path = PATH, handle = act },
}

return controls
