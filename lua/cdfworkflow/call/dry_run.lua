-- SPDX-License-Identifier: Apache-2.0
-- What a call would send: it is carried through as always, by a client like the one given whose requests are written
-- down and answered here. Nothing is sent, and no token function is asked.

local core = require "cdfworkflow.core"

---@class cdfworkflow.DryRequest
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string what is secret is replaced, as in events

local dry_run = {}

local Recorder = {}
Recorder.__index = Recorder

function Recorder:now() return core.now() + self.slept end

function Recorder:sleep(seconds) self.slept = self.slept + seconds end

local function unescape(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The items of a body as CDF gives them back: with an id, usable at once.
local function echo(request)
  local body = core.decode(request.body or "")
  local items = type(body) == "table" and type(body.items) == "table" and body.items or {}
  for _, item in ipairs(items) do
    if type(item) == "table" then item.id, item.status = 1, "Ready" end
  end
  return { items = items[1] and items or core.array {} }
end

--- What CDF and the identity provider might answer, so that the call goes on to its end. A body with a client secret
--- in it is not looked into.
local function answer(base_url, request)
  local path = request.url:sub(1, #base_url + 5) == base_url .. "/api/" and request.url:sub(#base_url + 1)
  if not path then return { access_token = "dry-run", expires_in = 3600 } end
  if path:find "/sessions$" then return { items = { { id = 1, nonce = "dry-run", status = "READY" } } } end
  local workflow = path:match "/workflows/([^/]+)/versions/[^/]+/run$"
  if not workflow then return echo(request) end
  return {
    id = "00000000-0000-0000-0000-000000000000", workflowExternalId = unescape(workflow), status = "RUNNING",
  }
end

function Recorder:http(request)
  self.requests[#self.requests + 1] = request.redacted
  return { status = 200, body = assert(core.encode(answer(self.base_url, request))) }
end

--- A token function is somebody's own code, and is not run.
local function core_of(client)
  local by_function = core.describe(client.settings.credentials).by_function
  return client:_core_again { credentials = by_function and core.credentials { token = "dry-run" } or nil }
end

--- The requests that `action` would send with this client, in order, from the token on. What depends on CDF's answers
--- is as it would be in a project where nothing is in the way.
---@param client cdfworkflow.Client
---@param action fun(client: cdfworkflow.Client): any, cdfworkflow.Error?
---@return cdfworkflow.DryRequest[]|nil requests
---@return cdfworkflow.Error? err why nothing could be sent
function dry_run.requests(client, action)
  local recorder = setmetatable({ requests = {}, slept = 0, base_url = client.base_url }, Recorder)
  local double = client:_double { transport = recorder, core = core_of(client) }
  double.on_event = nil
  local result, err = action(double)
  if not result then return nil, err end
  return recorder.requests
end

return dry_run
