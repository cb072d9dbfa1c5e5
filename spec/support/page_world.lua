-- SPDX-License-Identifier: Apache-2.0
-- For the specs of the page: a simulator with a page over it, asked as a browser asks, with no server between.

local core = require "cdfworkflow.core"
local page = require "cdfworkflow.simulator.serve.page"
local router = require "cdfworkflow.simulator.api.router"
local simulator = require "cdfworkflow.simulator"

local world = {}

---@class spec.PageWorld
---@field sim cdfworkflow.simulator.Simulator
---@field page cdfworkflow.simulator.Page
local World = {}
World.__index = World

world.TOKEN = "token-of-this-server"

---@param options table? of the simulator; `host` and `page_actions` are the page's
---@return spec.PageWorld
function world.new(options)
  local of_page, of_sim = { host = "127.0.0.1", token = world.TOKEN }, {}
  for name, value in pairs(options or {}) do
    local given = (name == "host" or name == "page_actions") and of_page or of_sim
    given[name] = value
  end
  of_page.sim = simulator.new(of_sim)
  return setmetatable({ sim = of_page.sim, page = page.new(of_page) }, World)
end

--- A function task.
---@param id string
---@param name string of the function
---@param more table? further members
---@return table
function world.call(id, name, more)
  local task = { externalId = id, type = "function", parameters = { ["function"] = { externalId = name } } }
  for key, value in pairs(more or {}) do task[key] = value end
  return task
end

--- Asks the simulator's own API, and raises when it refuses.
---@param path string behind the project's
---@param body table? makes it a POST
---@return table
function World:api(path, body)
  local response = self.sim:answer({
    method = body and "POST" or "GET",
    path = "/api/v1/projects/" .. router.escape(self.sim.project_names[1]) .. path,
    headers = { ["content-type"] = "application/json" }, body = body and assert(core.encode(body)),
  }, self.sim.directory.order[1])
  assert(response.status < 300, response.body)
  return core.decode(response.body)
end

---@param workflow string
---@param tasks table[]
---@param version string? default "1"
function World:define(workflow, tasks, version)
  self:api("/workflows/versions", { items = { { workflowExternalId = workflow, version = version or "1",
    workflowDefinition = { tasks = tasks } } } })
end

---@return string
function World:nonce()
  return self:api("/sessions", { items = { { tokenExchange = true } } }).items[1].nonce
end

---@param workflow string
---@param input table?
---@param metadata table?
---@return table execution
function World:start(workflow, input, metadata)
  return self:api("/workflows/" .. router.escape(workflow) .. "/versions/1/run",
    { authentication = { nonce = self:nonce() }, input = input, metadata = metadata })
end

---@param id string
---@return table execution as the API shows it
function World:execution(id)
  return self:api("/workflows/executions/" .. id)
end

---@param path string
---@param headers table<string, string>?
---@return cdfworkflow.simulator.Response
function World:ask(path, headers)
  return self.page:answer { method = "GET", path = path, headers = headers or { host = "localhost:8080" } }
end

---@param path string
---@return string html of a page that is there
function World:get(path)
  local response = self:ask(path)
  assert(response.status == 200, response.body)
  return response.body
end

---@param execution table
---@return string html
function World:view(execution)
  return self:get(self:path("executions", execution.id))
end

---@param ... string segments behind the first project's
---@return string
function World:path(...)
  local path = "/ui/" .. router.escape(self.sim.project_names[1])
  for _, segment in ipairs { ... } do path = path .. "/" .. router.escape(segment) end
  return path
end

local function encode(form)
  local pairs_of = {}
  for name, value in pairs(form) do pairs_of[#pairs_of + 1] = name .. "=" .. router.escape(value) end
  return table.concat(pairs_of, "&")
end

--- Sends a form as a browser sends one of this page.
---@param path string
---@param form table<string, string> the token is added
---@param headers table<string, string>? in place of a browser's
---@return cdfworkflow.simulator.Response
function World:send(path, form, headers)
  local whole = { token = world.TOKEN }
  for name, value in pairs(form) do whole[name] = value end
  return self.page:answer {
    method = "POST", path = path, body = encode(whole), headers = headers or {
      host = "localhost:8080", origin = "http://localhost:8080", ["sec-fetch-site"] = "same-origin",
      ["content-type"] = "application/x-www-form-urlencoded",
    },
  }
end

--- Sends a form and follows where it leads.
---@param path string
---@param form table<string, string>
---@return string html, string path
function World:act(path, form)
  local response = self:send(path, form)
  assert(response.status == 303, response.body)
  return self:get(response.headers.location), response.headers.location
end

local VOID = { meta = true, ["!doctype"] = true, link = true, input = true }

--- Elements that are open at the end, or closed without being open: none in good HTML.
---@param html string
---@return string|nil
function world.unbalanced(html)
  local open = {}
  for closing, name, rest in html:gmatch("<(/?)([%a!][%w]*)([^>]*)>") do
    if closing == "/" then
      if table.remove(open) ~= name then return "</" .. name .. ">" end
    elseif not VOID[name] and rest:sub(-1) ~= "/" then
      open[#open + 1] = name
    end
  end
  return open[1]
end

return world
