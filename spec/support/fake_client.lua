-- SPDX-License-Identifier: Apache-2.0
-- A client for the specs of the namespaces: records what they ask of it, answers what the spec laid out, and keeps a
-- clock that only sleeping moves.

local core = require "cdfworkflow.core"

local Client = require("cdfworkflow.client").class

--- A client in all but its doors.
local Fake = setmetatable({}, Client)
Fake.__index = Fake

local function namespace(client, name)
  return setmetatable({ client = client }, require("cdfworkflow.api." .. name))
end

--- `answers` come one after the other: a value, a function of what was asked, or an error made by `fake.error`.
local function new(answers)
  local client = setmetatable({
    project = "acme-dev", base_url = "https://cdf.example",
    timeout = 60, asked = {}, answers = answers or {}, slept = {}, clock = 1000,
  }, Fake)
  client.workflows = namespace(client, "workflows")
  for _, name in ipairs { "versions", "executions", "triggers", "tasks" } do
    client.workflows[name] = namespace(client, name)
  end
  client.sessions = namespace(client, "sessions")
  client.files = namespace(client, "files")
  client.functions = namespace(client, "functions")
  client.functions.calls = namespace(client, "calls")
  client.functions.schedules = namespace(client, "schedules")
  return client
end

local function answer(client, asked)
  client.asked[#client.asked + 1] = asked
  local given = client.answers[#client.asked]
  if type(given) == "function" then given = given(asked) end
  assert(given ~= nil, ("no answer laid out for %s %s"):format(tostring(asked.method), tostring(asked.path)))
  if type(given) == "table" and given.kind then return nil, given end
  return given
end

function Fake:_call(method, path, body, opts)
  return answer(self, { method = method, path = path, body = body, opts = opts or {} })
end

--- What is only checked is good, unless the spec says otherwise.
function Fake:_acceptable(...)
  if self.refusal then return self.refusal(...) end
  return true
end

function Fake:_session(opts)
  return answer(self, { method = "SESSION", opts = opts })
end

function Fake:_start(workflow_external_id, version, opts)
  return answer(self, { method = "RUN", workflow_external_id = workflow_external_id, version = version, opts = opts })
end

function Fake:_put(url, bytes, opts)
  return answer(self, { method = "PUT", path = url, bytes = bytes, opts = opts or {} })
end

function Fake:_has_secret() -- luacheck: no unused
  return true
end

function Fake:_sleep(seconds)
  self.slept[#self.slept + 1] = seconds
  self.clock = self.clock + seconds
  return true
end

function Fake:_now()
  return self.clock
end

local function error_of(members)
  return core.error(members)
end

return { new = new, error = error_of }
