-- SPDX-License-Identifier: Apache-2.0
-- A program for promises/secrets_spec.lua: makes calls through libcurl while a debug hook looks for canaries.
-- Its arguments are the server's URL and what to hide a canary in, or nothing. Prints each finding on a line, then
-- "searched N times".

local canary = require "canary"
local cdf = require "cdfworkflow"
require "cjson" -- loaded here, so that its loading is not searched

local url, hiding_place = arg[1], arg[2]

--- What a search has to find: each place holds a canary while the hook is at work.
local hide = {}

function hide.of_caller(work)
  local secret = canary.secret()
  work()
  return secret
end

function hide.upvalue(work)
  local secret = canary.secret()
  function hide.holder() return secret end
  work()
end

function hide.key(work)
  hide[setmetatable({}, { [canary.secret()] = true })] = true
  work()
end

function hide.coroutine(work)
  hide.suspended = coroutine.create(function()
    local secret = canary.secret()
    coroutine.yield()
    return secret
  end)
  coroutine.resume(hide.suspended)
  work()
end

function hide.registry(work)
  debug.getregistry()[hide] = { canary.token() }
  work()
end

function hide.argument(work)
  pcall(work, canary.nonce())
end

local function make_client()
  return assert(cdf.client {
    project = "p", base_url = url, max_retries = 0, on_event = function() end,
    credentials = cdf.credentials { client_id = "svc", client_secret = canary.secret(), token_url = url .. "/token" },
  })
end

local client = not hiding_place and make_client()

local function calls()
  assert(client:run("foo", "1", { input = { a = 1 }, request_id = "r" }))
  assert(client.workflows.triggers:upsert {
    externalId = "t", workflowExternalId = "foo", workflowVersion = "1",
    triggerRule = { triggerType = "schedule", cronExpression = "0 0 * * *" },
  })
  local _, err = client:run("refused", "1")
  assert(err.status == 400)
  local results = cdf.gather(function() return client:run("foo", "1") end, function() return client:auth() end)
  assert(results[1] and results[2])
end

local function no_calls()
  for i = 1, 100 do tostring(i) end
end

local findings, events = canary.hooked(function()
  if hiding_place then hide[hiding_place](no_calls) else calls() end
end)
for _, finding in ipairs(findings) do print(finding) end
print(("searched %d times"):format(events))
