-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The example gateway in real nginx and real HAProxy, with its own configuration files and the embedded CDF behind.

local core = require "cdfworkflow.core"
local gateway = require "gateway"
local server = require "server"
local shell = require "shell"

local AUTHORIZED = ("-H 'Authorization: Bearer %s' "):format(gateway.SECRET)
local JSON = "-H 'Content-Type: application/json' "

local WORKFLOWS = [[return {
  workflows = { { externalId = "daily-report" } },
  versions = { { workflowExternalId = "daily-report", version = "1", workflowDefinition = { tasks = {
    { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } } } } },
  functions = { f = function() return {} end },
}]]

describe("the example gateway", function()
  local sim, here, big, fits

  setup(function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(WORKFLOWS)
    file:close()
    sim = server.start {
      "--project", "p", "--client-id", "id", "--client-secret", gateway.CLIENT_SECRET, "--load", name,
    }
    os.remove(name)
    big, fits = os.tmpname(), os.tmpname()
    shell.run(("head -c 200000 /dev/zero | tr '\\0' x >%s"):format(big))
    shell.run(("(printf '{\"a\":\"'; head -c 102392 /dev/zero | tr '\\0' x; printf '\"}') >%s"):format(fits))
  end)

  teardown(function()
    sim:stop()
    os.remove(big)
    os.remove(fits)
  end)

  after_each(function()
    local log = here:log() .. (here.read and here:read "access.log" or "")
    here:stop()
    for _, secret in ipairs { gateway.SECRET, gateway.CLIENT_SECRET, "Bearer" } do
      assert.is_nil(log:find(secret, 1, true), log)
    end
    assert.is_nil(log:match "runtime error", log)
  end)

  local function post(arguments)
    local status, body, headers = here:ask("/runs/daily-report", AUTHORIZED .. JSON .. arguments)
    return status, core.decode(body), headers
  end

  local function refuses(status, code, path, arguments)
    local got, body, headers = here:ask(path, arguments)
    assert.equal(status, got, body)
    assert.equal(code, assert(core.decode(body)).error.code)
    assert.matches("[Cc]ontent%-[Tt]ype: application/json", headers)
  end

  local function token_requests()
    local count = 0
    for _, request in ipairs(sim:log()) do
      if request.path:match "token" then count = count + 1 end
    end
    return count
  end

  local function does_its_work(tokens)
    local before = token_requests()
    assert.equal(200, (here:ask "/health"))
    local status, body, headers = post "-d '{\"a\":1}'"
    assert.equal(202, status)
    assert.matches("location: " .. body.url, headers, 1, true)
    assert.equal(202, (post("--data-binary @" .. fits)))
    local _, first = post "-H 'Idempotency-Key: delivery' -d '{}'"
    local _, again = post "-H 'Idempotency-Key: delivery' -d '{}'"
    assert.equal(first.id, again.id)
    local seen, shown = here:ask(first.url, AUTHORIZED)
    assert.equal(200, seen)
    assert.equal(first.id, core.decode(shown).id)
    refuses(400, "invalid", "/runs/daily-report",
      AUTHORIZED .. JSON .. "-H 'Idempotency-Key: delivery' -H 'Idempotency-Key: delivery' -d '{}'")
    refuses(401, "unauthorized", "/runs/daily-report", JSON .. "-d '{}'")
    refuses(401, "unauthorized", first.url)
    refuses(415, "content_type", "/runs/daily-report", AUTHORIZED .. "-d '{}'")
    refuses(400, "body", "/runs/daily-report", AUTHORIZED .. JSON .. "-d '[]'")
    refuses(413, "too_large", "/runs/daily-report", AUTHORIZED .. JSON .. "--data-binary @" .. big)
    refuses(413, "too_large", "/runs/daily-report",
      AUTHORIZED .. JSON .. "-H 'Transfer-Encoding: chunked' --data-binary @" .. big)
    refuses(405, "method", "/runs/daily-report", AUTHORIZED .. "-X DELETE")
    refuses(404, "not_found", "/runs/other", AUTHORIZED .. JSON .. "-d '{}'")
    refuses(404, "not_found", "/runs/daily-report/x", AUTHORIZED)
    assert.same({ [202] = 30 }, here:ask_many("/runs/daily-report?[1-30]", AUTHORIZED .. JSON .. "-d '{}'"))
    assert.equal(tokens, token_requests() - before)
    assert.matches("daily%-report runs as execution " .. first.id:gsub("%-", "%%-"), here:log())
  end

  it("works in nginx, with one token for two workers", function()
    here = gateway.in_nginx(sim)
    assert.equal(2, #here:workers())
    does_its_work(1)
    local many = {}
    for i = 1, 150 do many[i] = ("-H 'X-%d: %d'"):format(i, i) end
    local keyed = table.concat(many, " ") .. " -H 'Idempotency-Key: many' -d '{}'"
    assert.equal(select(2, post(keyed)).id, select(2, post(keyed)).id)
  end)

  it("works in HAProxy, with one Lua", function()
    here = gateway.in_haproxy(sim, "lua-load")
    does_its_work(1)
  end)

  it("works in HAProxy, with one Lua for each thread", function()
    here = gateway.in_haproxy(sim, "lua-load-per-thread") -- each has deliveries and a token of its own
    local status, body = post "-d '{}'"
    assert.equal(202, status)
    assert.equal(200, (here:ask(body.url, AUTHORIZED)))
    assert.same({ [202] = 30 }, here:ask_many("/runs/daily-report?[1-30]", AUTHORIZED .. JSON .. "-d '{}'"))
  end)
end)
