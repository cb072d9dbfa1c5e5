-- SPDX-License-Identifier: Apache-2.0
-- The small parts that pages are made of: statuses, times, links, folded JSON, tables, the way to older entries.

local markup = require "cdfworkflow.simulator.serve.markup"
local values = require "cdfworkflow.simulator.serve.page.values"

local fill, escape = markup.fill, markup.escape

local parts = {}

local MOST_JSON = 2000
local MOST_REASON = 250

local TONES = {
  COMPLETED = "done", COMPLETED_WITH_ERRORS = "warn", RUNNING = "live", IN_PROGRESS = "live", SCHEDULED = "idle",
  FAILED = "bad", FAILED_WITH_TERMINAL_ERROR = "bad", TIMED_OUT = "bad", TERMINATED = "stop", CANCELED = "stop",
  SKIPPED = "idle", WAITING = "idle", NOT_RUN = "idle", QUEUED = "idle", PAUSED = "warn", ON = "done",
  READY = "idle", ACTIVE = "done", CANCELLED = "stop", EXPIRED = "idle", REVOKED = "stop", ACCESS_LOST = "bad",
  SUCCESS = "done", DEPLOYING = "idle", TIMEOUT = "bad",
}

---@param status string in any spelling of letters
---@return string # a class of the page's style
function parts.tone(status)
  return TONES[status:upper()] or "idle"
end

---@param status string
---@return string # as in a sentence
function parts.words(status)
  return (status:lower():gsub("_", " "))
end

---@param status string
---@param words string? other words than the status itself
---@return string html
function parts.badge(status, words)
  return fill('<span class="status {tone}">{words}</span>',
    { tone = parts.tone(status), words = words or parts.words(status) })
end

---@param ms number|nil milliseconds since the epoch
---@return string # in UTC
function parts.moment(ms)
  if not ms then return "–" end
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(ms / 1000))
end

local function two(amount, unit, rest, smaller)
  return ("%d %s"):format(amount, unit) .. (rest > 0 and (" %d %s"):format(rest, smaller) or "")
end

---@param ms number
---@return string
function parts.duration(ms)
  local seconds = ms / 1000
  if seconds < 10 then return (("%.1f s"):format(seconds):gsub("%.0 s$", " s")) end
  seconds = math.floor(seconds)
  if seconds < 60 then return ("%d s"):format(seconds) end
  if seconds < 3600 then return two(math.floor(seconds / 60), "min", seconds % 60, "s") end
  local minutes = math.floor(seconds / 60)
  if minutes < 1440 then return two(math.floor(minutes / 60), "h", minutes % 60, "min") end
  return two(math.floor(minutes / 1440), "d", math.floor(minutes % 1440 / 60), "h")
end

--- How long something took, or has taken until now.
---@param record { startTime: integer?, endTime: integer? }
---@param now integer
---@return string
function parts.elapsed(record, now)
  if not record.startTime then return "–" end
  return parts.duration(math.max((record.endTime or now) - record.startTime, 0))
end

---@param amount integer
---@return string # in groups of three digits
function parts.number(amount)
  local text = ("%.0f"):format(amount):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

--- A text that may be absent, or null.
---@param value any
---@return string html
function parts.text(value)
  local kind = type(value)
  return (kind == "string" or kind == "number" or kind == "boolean") and escape(value) or ""
end

---@param path string
---@param text string
---@return string html
function parts.link(path, text)
  return fill('<a href="{path}">{text}</a>', { path = path, text = text })
end

--- Why something went wrong.
---@param text string|nil
---@param most integer? characters; default 250, for where there are many reasons
---@return string html, empty without a text; what looks like a secret in it is left out
function parts.reason(text, most)
  if not text then return "" end
  return fill('<div class="reason">{text}</div>',
    { text = markup.cut((values.mask(tostring(text))), most or MOST_REASON) })
end

--- A value as JSON.
---@param value any
---@param most integer? characters; default 2000
---@return string html
function parts.json(value, most)
  most = most or MOST_JSON
  local whole = values.json(value, most)
  local text = markup.cut(whole, most)
  local note = text ~= whole and ('<p class="hint">The first %s characters.</p>'):format(parts.number(most)) or ""
  return fill("<pre>{text}</pre>", { text = text }) .. note
end

--- A value that is seen once its title is clicked; stays open while the page refreshes itself.
---@param id string unique in the page
---@param title string
---@param value any
---@param most integer? characters; default 2000
---@return string html, empty when there is nothing in the value
function parts.fold(id, title, value, most)
  if value == nil or type(value) == "table" and next(value) == nil then return "" end
  return fill('<details id="{id}"><summary>{title}</summary>{!json}</details>',
    { id = id, title = title, json = parts.json(value, most) })
end

--- Several folds beside one another.
---@param html string
---@return string html
function parts.folds(html)
  return html ~= "" and '<div class="folds">' .. html .. "</div>" or ""
end

--- Names and values, such as metadata, one a line.
---@param map table<string, any>|nil
---@return string html
function parts.pairs(map)
  local lines = {}
  for i, name in ipairs(values.sorted_names(map or {})) do
    local value = values.is_secret(name) and values.HIDDEN or tostring(map[name])
    lines[i] = fill("<div><code>{name}</code> = {value}</div>", { name = name, value = value })
  end
  return table.concat(lines)
end

--- A part of a page under a heading. Its id lets the page's script find it again when others appear before it.
---@param title string once in a page
---@param html string
---@return string html
function parts.section(title, html)
  return fill('<section id="s{id}"><h2>{title}</h2>{!html}</section>',
    { id = markup.path(title), title = title, html = html })
end

--- Facts about one thing, in a card.
---@param list { [1]: string, [2]: string }[] name and HTML; a fact whose HTML is empty is left out
---@return string html
function parts.facts(list)
  local rows = {}
  for _, fact in ipairs(list) do
    if fact[2] ~= "" then rows[#rows + 1] = ("<div><dt>%s</dt><dd>%s</dd></div>"):format(escape(fact[1]), fact[2]) end
  end
  return '<dl class="card facts">' .. table.concat(rows, "\n") .. "</dl>"
end

---@class cdfworkflow.simulator.Row
---@field id string? of the element
---@field [integer] string HTML of the cells

local function class_of(head)
  return head.class and ' class="' .. head.class .. '"' or ""
end

local function row_html(heads, row)
  local cells = {}
  for i, head in ipairs(heads) do
    cells[i] = ('<td%s data-label="%s"><div>%s</div></td>'):format(class_of(head), escape(head[1]), row[i])
  end
  return ("<tr%s>%s</tr>"):format(row.id and ' id="' .. escape(row.id) .. '"' or "", table.concat(cells))
end

---@param heads { [1]: string, class: string? }[]
---@param rows cdfworkflow.simulator.Row[]
---@param empty string what is said when there is no row
---@return string html
function parts.table(heads, rows, empty)
  if #rows == 0 then return fill('<div class="card empty">{empty}</div>', { empty = empty }) end
  local titles, lines = {}, {}
  for i, head in ipairs(heads) do
    titles[i] = head[1] == "" and "<td></td>"
      or ('<th scope="col"%s>%s</th>'):format(class_of(head), escape(head[1]))
  end
  for i, row in ipairs(rows) do lines[i] = row_html(heads, row) end
  return ('<div class="card"><table><thead><tr>%s</tr></thead><tbody>\n%s\n</tbody></table></div>')
    :format(table.concat(titles), table.concat(lines, "\n"))
end

--- The way to the other pages of a list.
---@param first string|nil path of the first page, where this is another
---@param next_page string|nil path
---@param note string|nil what else is to be said
---@return string html
function parts.pager(first, next_page, note)
  local links = (first and parts.link(first, "« First page") or "")
    .. (next_page and parts.link(next_page, "Next page »") or "")
  local said = note and fill("<span>{note}</span>", { note = note }) or ""
  return links .. said ~= "" and '<nav class="pager" aria-label="Pages">' .. links .. said .. "</nav>" or ""
end

--- The way from the first entries of a list to all of them.
---@param path string|nil nil where there are no more
---@param label string
---@return string html
function parts.to_all(path, label)
  return path and '<div class="pager">' .. parts.link(path, label .. " »") .. "</div>" or ""
end

return parts
