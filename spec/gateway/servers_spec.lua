-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The gateway in real nginx and real HAProxy, with the configurations that are delivered and the embedded CDF behind.

local core = require "cdfworkflow.core"
local gateway = require "gateway"
local nginx = require "nginx"
local shell = require "shell"

local AUTHORIZED = ("-H 'Authorization: Bearer %s' "):format(gateway.SECRET)
local JSON = "-H 'Content-Type: application/json' "

describe("the gateway", function()
  local sim, here, big, fits

  setup(function()
    sim = gateway.cdf(600)
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
    if not here then return end
    local log = here:log()
    here:stop()
    here = nil
    for _, secret in ipairs { gateway.SECRET, gateway.CLIENT_SECRET, "Bearer" } do
      assert.is_nil(log:find(secret, 1, true), log)
    end
    assert.is_nil(log:match "runtime error", log)
    assert.is_nil(log:match "the gateway failed", log)
  end)

  --- Until deliveries with a key are taken.
  local function is_ready()
    nginx.wait_until("the gateway is ready", function() return here:ask "/ready" == 200 end)
  end

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
      if request.path:match "token$" then count = count + 1 end
    end
    return count
  end

  local function does_its_work(key, tokens, before)
    key = ("-H 'Idempotency-Key: %s' "):format(key)
    is_ready()
    assert.equal(200, (here:ask "/health"))
    local status, body, headers = post "-d '{\"a\":1}'"
    assert.equal(202, status)
    assert.matches("location: " .. body.url, headers, 1, true)
    assert.equal(202, (post("--data-binary @" .. fits)))
    local _, first = post(key .. "-d '{}'")
    local _, again, replay = post(key .. "-d '{}'")
    assert.equal(first.id, again.id)
    assert.matches("idempotent%-replayed: true", replay:lower())
    local seen, shown = here:ask(first.url, AUTHORIZED)
    assert.equal(200, seen)
    assert.equal(first.id, core.decode(shown).id)
    refuses(422, "key_reused", "/runs/daily-report",
      AUTHORIZED .. JSON .. key .. "-d '{\"a\":1}'")
    refuses(400, "invalid", "/runs/daily-report",
      AUTHORIZED .. JSON .. key .. key .. "-d '{}'")
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
    local _, other = post "-d '{}'"
    assert.equal(200, (here:ask(other.url .. "/cancel", AUTHORIZED .. "-X POST")))
    refuses(409, "ended", other.url .. "/cancel", AUTHORIZED .. "-X POST")
    assert.equal(tokens, token_requests() - before)
    assert.matches('"outcome":"started","workflow":"daily%-report".*"execution":"' .. first.id:gsub("%-", "%%-"),
      here:log())
    local _, metrics = here:ask "/metrics"
    assert.matches('cdfworkflow_gateway_starts_total{workflow="daily%-report"} 34\n', metrics)
  end

  it("works in nginx, with one token for two workers", function()
    local before = token_requests()
    here = gateway.in_nginx(sim)
    assert.equal(2, #here:workers())
    does_its_work("nginx", 1, before)
    local many = {}
    for i = 1, 150 do many[i] = ("-H 'X-%d: %d'"):format(i, i) end
    local keyed = table.concat(many, " ") .. " -H 'Idempotency-Key: many' -d '{}'"
    assert.equal(select(2, post(keyed)).id, select(2, post(keyed)).id)
  end)

  it("says what its configuration lacks in nginx", function()
    here = nginx.start {
      http = "lua_shared_dict cdfworkflow 1m;",
      server = [[location / { content_by_lua_block { require("cdfworkflow.gateway.nginx").serve() } }]],
    }
    assert.equal(500, (here:ask "/health"))
    assert.matches("init_by_lua_block must call", here:log())
    here:stop()
    here = nil
    local _, why = pcall(nginx.start, {
      http = [[init_by_lua_block { require("cdfworkflow.gateway.nginx").init() }]], server = "",
    })
    assert.truthy(tostring(why):find("nginx.conf: the gateway needs `lua_shared_dict cdfworkflow 50m;`", 1, true), why)
  end)

  it("works in HAProxy, with one Lua", function()
    local before = token_requests()
    here = gateway.in_haproxy(sim)
    does_its_work("HAProxy", 1, before)
  end)

  it("works in HAProxy, with one Lua for each thread", function()
    here = gateway.in_haproxy(sim, { load = "lua-load-per-thread" }) -- each has deliveries and a token of its own
    local status, body = post "-d '{}'"
    assert.equal(202, status)
    assert.equal(200, (here:ask(body.url, AUTHORIZED)))
    assert.same({ [202] = 30 }, here:ask_many("/runs/daily-report?[1-30]", AUTHORIZED .. JSON .. "-d '{}'"))
  end)

  for name, start in pairs { nginx = gateway.in_nginx, HAProxy = gateway.in_haproxy } do
    it("knows the deliveries of the time before a restart of " .. name, function()
      here = start(sim)
      is_ready()
      local key = ("-H 'Idempotency-Key: before %s' "):format(name)
      local _, first = post(key .. "-d '{}'")
      here:stop()
      here = start(sim)
      is_ready()
      local status, again, headers = post(key .. "-d '{}'")
      assert.equal(202, status)
      assert.equal(first.id, again.id)
      assert.matches("idempotent%-replayed: true", headers:lower())
      assert.equal(422, (post(key .. "-d '{\"a\":1}'")))
    end)

    it(("does not start in %s where a setting is missing, and says which"):format(name), function()
      for variable, message in pairs {
        CDF_PROJECT = "the environment variable CDF_PROJECT is not set",
        IDP_CLIENT_SECRET = "IDP_CLIENT_SECRET", GATEWAY_SECRET = "GATEWAY_SECRET must be set",
        GATEWAY_WORKFLOWS = "GATEWAY_WORKFLOWS must name a workflow",
      } do
        local ok, why = pcall(start, sim, { environment = { [variable] = false } })
        if ok then here = why end
        assert.is_false(ok)
        assert.truthy(tostring(why):find(message, 1, true), why)
      end
    end)

    it("goes on with the run of a caller who hangs up in " .. name, function()
      here = start(sim)
      is_ready()
      sim:fault { match = { operation = "createSessions" }, delay = 1 }
      local key = ("-H 'Idempotency-Key: hangs up %s' -d '{}'"):format(name)
      assert.equal(0, (post("-m 0.3 " .. key)))
      local status, _, headers
      nginx.wait_until("its run has started", function()
        status, _, headers = post(key)
        return status == 202
      end)
      assert.matches("idempotent%-replayed: true", headers:lower())
    end)

    it("takes its settings from a table in " .. name, function()
      here = start(sim, {
        environment = { GATEWAY_SECRET = false, GATEWAY_WORKFLOWS = false },
        settings = ('{ secret = "%s", workflows = { ["daily-report"] = 1 } }'):format(gateway.SECRET),
      })
      assert.equal(202, (post "-d '{}'"))
    end)
  end
end)
