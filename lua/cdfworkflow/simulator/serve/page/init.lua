-- SPDX-License-Identifier: Apache-2.0
-- The page: from a browser's request to HTML, through the rooms beside this one. It reads the simulator's state, and
-- acts through the simulator's own API; an action is answered by leading the browser to a page that says what was done.

local guard = require "cdfworkflow.simulator.serve.page.guard"
local layout = require "cdfworkflow.simulator.serve.page.layout"
local options = require "cdfworkflow.options"
local router = require "cdfworkflow.simulator.api.router"
local values = require "cdfworkflow.simulator.serve.page.values"

local page = {}

---@class cdfworkflow.simulator.Page
---@field sim cdfworkflow.simulator.Simulator
---@field guard cdfworkflow.simulator.Guard
---@field private notices table<integer, table> what the latest actions had to tell, by number
---@field private last integer
local Page = {}
Page.__index = Page

---@class cdfworkflow.simulator.View what a page is made from
---@field page cdfworkflow.simulator.Page
---@field sim cdfworkflow.simulator.Simulator
---@field now integer the simulator's clock, ms
---@field path string as it was asked for, without the query
---@field params table<string, string> of the path, decoded
---@field query table<string, string>
---@field form table<string, string> empty but for a form that was sent
---@field project cdfworkflow.simulator.Project|nil where the path names one
---@field notice { tone: string, text: string }|nil
local View = {}
View.__index = View

--- The same view with another project.
---@param name string
---@return cdfworkflow.simulator.View
function View:of_project(name)
  return setmetatable({ project = self.sim.projects[name] }, { __index = self })
end

local ROOMS = {
  "overview", "execution_list", "execution", "task", "workflow_list", "workflow", "start", "schedule_list", "schedule",
  "functions", "sessions", "controls",
}
local FILES = {
  ["/ui/style.css"] = { kind = "text/css; charset=utf-8", room = "style" },
  ["/ui/refresh.js"] = { kind = "text/javascript; charset=utf-8", room = "script" },
}
local MOST_FORM = 1024 * 1024
local MOST_NOTICES = 50

local function new_routes()
  local routes = router.new()
  for _, room in ipairs(ROOMS) do
    for _, route in ipairs(require("cdfworkflow.simulator.serve.page." .. room).routes) do routes:add(route) end
  end
  return routes
end

---@param given { sim: cdfworkflow.simulator.Simulator, host: string, token: string, page_actions?: boolean } `host` is
---  what the server listens on; `token` is unguessable, and made anew for each server; `page_actions` opens the forms
---  although the server listens to more than this machine
---@return cdfworkflow.simulator.Page
function page.new(given)
  given = options.check(given, { "sim", "host", "token", "page_actions" }, "page.new")
  return setmetatable({
    sim = given.sim, routes = new_routes(), notices = {}, last = 0,
    guard = guard.new { host = given.host, token = given.token, page_actions = given.page_actions },
  }, Page)
end

--- Whether a request is for the page.
---@param request cdfworkflow.simulator.Request
---@return boolean
function page.is_for(request)
  local path = request.path:match("^[^?#]*")
  local reads = request.method == "GET" or request.method == "HEAD"
  return path == "/" and reads or path:find("^/ui/") ~= nil
end

---------------------------------------------------------------------------------------------------------------------
-- Answers
---------------------------------------------------------------------------------------------------------------------

local function response(status, kind, body, more)
  local headers = { ["content-type"] = kind }
  for name, value in pairs(guard.HEADERS) do headers[name] = value end
  for name, value in pairs(more or {}) do headers[name] = value end
  return { status = status, headers = headers, body = body }
end

local function html(view, text)
  return response(text.status or 200, "text/html; charset=utf-8", layout.whole(view, text))
end

local function saying(view, status, title, message)
  return html(view, { title = title, status = status,
    body = '<div class="card empty">' .. message .. ' <a href="/">To the first page</a></div>' })
end

local function missing(view)
  return saying(view, 404, "Not found", "There is nothing here.")
end

-- Notices are kept here and named by a number, so that no address can put words into the page.
local function lead_on(self, outcome)
  self.last = self.last + 1
  self.notices[self.last] = { tone = outcome.tone, text = (values.mask(outcome.said)) }
  self.notices[self.last - MOST_NOTICES] = nil
  local location = ("%s?notice=%d"):format(outcome.go, self.last)
  return response(303, "text/plain; charset=utf-8", "", { location = location })
end

local function file(path)
  local found = FILES[path]
  return response(200, found.kind, require("cdfworkflow.simulator.serve.page." .. found.room),
    { ["cache-control"] = "no-cache" })
end

---------------------------------------------------------------------------------------------------------------------
-- From request to answer
---------------------------------------------------------------------------------------------------------------------

local function new_view(self, path, query)
  return setmetatable({
    page = self, sim = self.sim, now = self.sim:now(), path = path, params = {}, query = query, form = {},
    notice = self.notices[tonumber((query.notice or ""):match("^%d+$"))],
  }, View)
end

local function may_act(self, view, request)
  local body = request.body or ""
  if #body > MOST_FORM then return nil, 413, "The form is too large." end
  view.form = router.form(body)
  local ok, message = self.guard:takes(request.headers, view.form)
  return ok, 403, message
end

local function not_routed(view, methods)
  if not methods then return missing(view) end
  local answer = saying(view, 405, "Not here", "Nothing can be sent to this page.")
  answer.headers.allow = methods
  return answer
end

local function carry_out(self, view, request, operation)
  if request.method == "POST" then
    local ok, status, message = may_act(self, view, request)
    if not ok then return saying(view, status, "Not done", message) end
  end
  local outcome = operation.handle(view)
  view.now = self.sim:now()
  if not outcome then return missing(view) end
  if outcome.go then return lead_on(self, outcome) end
  return html(view, outcome)
end

--- Answers a request for the page.
---@param request cdfworkflow.simulator.Request
---@return cdfworkflow.simulator.Response
function Page:answer(request)
  if not self.guard:knows(request) then
    return response(403, "text/plain; charset=utf-8", "This page is shown under localhost, 127.0.0.1 and what --host "
      .. "gives only. To see it under another name, or address, of this machine, give that as --host.\n")
  end
  local path, segments, query = router.split(request.path)
  if FILES[path] then return file(path) end
  local method = request.method == "HEAD" and "GET" or request.method
  local operation, params = self.routes:find(method, segments)
  local view = new_view(self, path, query)
  if not operation then return not_routed(view, params) end
  view.params = params
  view.project = params.project and self.sim.projects[params.project]
  if params.project and not view.project then return missing(view) end
  return carry_out(self, view, request, operation)
end

return page
