-- SPDX-License-Identifier: Apache-2.0
-- The sessions of a project by pages, and one of them. Nonces are shown nowhere.

local core = require "cdfworkflow.core"
local heart = require "cdfworkflow.simulator.serve.page.heart"
local markup = require "cdfworkflow.simulator.serve.markup"
local parts = require "cdfworkflow.simulator.serve.page.parts"
local schedule_list = require "cdfworkflow.simulator.serve.page.schedule_list"

local sessions_page = {}

local PAGE = 25

local HEADS = {
  { "Status" }, { "Session" }, { "Type" }, { "Client" }, { "Held by" }, { "Created (UTC)", class = "time" },
  { "Ends (UTC)", class = "time" },
}

--- A session's id, and the way to it.
---@param view cdfworkflow.simulator.View
---@param id integer|nil
---@return string html, empty without an id
function sessions_page.link(view, id)
  local text = id and ("%.0f"):format(id)
  return text and parts.link(markup.path("ui", view.project.name, "sessions", text), text) or ""
end

-- What the API does not tell: what the session was bound to.
local function holder(view, id)
  local stored = view.project.state.sessions[id]
  return stored and stored.holder and markup.escape(stored.holder) or "–"
end

local function row(view, session)
  local id = ("%.0f"):format(session.id)
  return {
    parts.badge(session.status), sessions_page.link(view, session.id),
    markup.escape(parts.words(session.type)), markup.escape(session.clientId or ""), holder(view, id),
    parts.moment(session.creationTime), parts.moment(session.expirationTime),
  }
end

local function show_all(view)
  local cursor = view.query.cursor
  local path = markup.with_query("/sessions", { { "limit", ("%d"):format(PAGE) }, { "cursor", cursor } })
  local answer, message = heart.ask(view, "GET", path)
  if not answer then return { title = "Sessions", body = parts.table(HEADS, {}, message) } end
  local rows = {}
  for i, session in ipairs(answer.items) do rows[i] = row(view, session) end
  local next_page = answer.nextCursor and markup.with_query(view.path, { { "cursor", answer.nextCursor } })
  return { title = "Sessions", refresh = 1, body = parts.table(HEADS, rows, "No session yet.")
    .. parts.pager(cursor and view.path, next_page) }
end

-- Triggers and schedules are few, so what holds the session is looked for; an execution leads to its session itself.
local function holders(view, id)
  local links = {}
  for _, trigger in ipairs(view.project:in_order(view.project.state.triggers)) do
    local name = trigger.resource.externalId
    if trigger.session == id then links[#links + 1] = parts.link(schedule_list.trigger_path(view, name), name) end
  end
  for _, schedule in ipairs(view.project:in_order(view.project.state.schedules)) do
    local resource = schedule.resource
    if resource.sessionId == id then
      links[#links + 1] = parts.link(schedule_list.schedule_path(view, resource.id), resource.name)
    end
  end
  return table.concat(links, ", ")
end

local function show(view)
  local number = tonumber(view.params.session:match("^%d+$"))
  local answer = number and heart.ask(view, "POST", "/sessions/byids", { items = core.array { { id = number } } })
  if not answer then return nil end
  local session = answer.items[1]
  return {
    title = "Session " .. view.params.session, refresh = 1,
    body = parts.facts {
      { "Status", parts.badge(session.status) }, { "Type", markup.escape(parts.words(session.type)) },
      { "Client", markup.escape(session.clientId or "") }, { "Held by", holder(view, view.params.session) },
      { "Trigger or schedule", holders(view, number) }, { "Created (UTC)", parts.moment(session.creationTime) },
      { "Ends (UTC)", parts.moment(session.expirationTime) },
    },
  }
end

sessions_page.routes = {
  { method = "GET", path = "/ui/{project}/sessions", handle = show_all },
  { method = "GET", path = "/ui/{project}/sessions/{session}", handle = show },
}

return sessions_page
