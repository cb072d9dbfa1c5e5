-- SPDX-License-Identifier: Apache-2.0
-- The gateway's settings, from the environment and from a table.

local gateway = require "cdfworkflow.gateway"
local gateway_world = require "gateway_world"
local settings = require "cdfworkflow.gateway.settings"

local ENVIRONMENT = {
  GATEWAY_SECRET = "sesame-sesame-sesame", GATEWAY_WORKFLOWS = "daily-report=1 a/b=v2", CDF_PROJECT = "p",
  CDF_URL = "http://127.0.0.1", IDP_CLIENT_ID = "id", IDP_CLIENT_SECRET = "secret-of-client",
  IDP_TOKEN_URL = "http://127.0.0.1/oauth2/token",
}

describe("the gateway's settings", function()
  local environment, snapshot

  before_each(function()
    snapshot, environment = assert:snapshot(), {}
    for name, value in pairs(ENVIRONMENT) do environment[name] = value end
    stub(os, "getenv", function(name) return environment[name] end)
  end)

  after_each(function() snapshot:revert() end)

  local function host() return { shared = gateway_world.memory(), log = print, spawn = print } end

  local function refuses(message, given)
    local made, err = gateway.new(given or {}, host())
    assert.is_nil(made)
    assert.equal("invalid", err.kind)
    assert.truthy(err.field)
    assert.truthy(tostring(err):find(message, 1, true), tostring(err))
    assert.is_nil(tostring(err):find "sesame")
  end

  it("are read from the environment", function()
    local taken = assert(settings.read {})
    assert.same({ "sesame-sesame-sesame" }, taken.secret)
    assert.same({ ["daily-report"] = "1", ["a/b"] = "v2" }, taken.workflows)
    assert.equal("run", taken.mode)
    assert.truthy(gateway.new({}, host()))
  end)

  it("may come in a table, which wins", function()
    local given = { workflows = { w = 3 }, secret = { "another-secret-than-that", "one-more-of-16-letters" } }
    local taken = assert(settings.read(given))
    assert.same({ w = "3" }, taken.workflows)
    assert.equal("another-secret-than-that", taken.secret[1])
    assert.same({ w = 3 }, given.workflows)
  end)

  it("know several secrets of one caller, and several callers", function()
    environment.GATEWAY_SECRET = "old-secret-of-scada  new-secret-of-scada"
    assert.same({ "old-secret-of-scada", "new-secret-of-scada" }, assert(settings.read {}).secret)
    environment.GATEWAY_CALLERS, environment.GATEWAY_SECRET_LAB = "scada=daily-report,a/b lab", "secret-of-lab-4711"
    environment.GATEWAY_SECRET_SCADA, environment.GATEWAY_SECRET = environment.GATEWAY_SECRET, nil
    local taken = assert(settings.read {})
    assert.same({ secret = { "secret-of-lab-4711" } }, taken.callers.lab)
    assert.same({ "daily-report", "a/b" }, taken.callers.scada.workflows)
    assert.same({ "old-secret-of-scada", "new-secret-of-scada" }, taken.callers.scada.secret)
  end)

  it("know how to reach a Redis, and where to keep a queue", function()
    for url, expected in pairs {
      ["redis://here"] = { host = "here" }, ["redis://10.0.0.1:7000/"] = { host = "10.0.0.1", port = 7000 },
      ["rediss://me:p%40ss:word@here:1"] = {
        host = "here", port = 1, tls = true, username = "me", password = "p@ss:word",
      },
      ["redis://:pass@here"] = { host = "here", password = "pass" },
    } do
      environment.GATEWAY_REDIS = url
      assert.same(expected, assert(settings.read {}).redis)
    end
    for _, url in ipairs { "here:6379", "http://here", "redis://sesame@here", "redis://" } do
      environment.GATEWAY_REDIS = url
      refuses "GATEWAY_REDIS must be redis://[user:password@]host[:port]"
    end
    environment.GATEWAY_REDIS = nil
    environment.GATEWAY_MODE, environment.GATEWAY_SPOOL = "queue", "/somewhere"
    environment.GATEWAY_CONCURRENCY, environment.GATEWAY_MAX_RUNNING = "4", "40"
    local taken = assert(settings.read {})
    assert.same({ "queue", "/somewhere", 4, 40 }, { taken.mode, taken.spool, taken.concurrency, taken.max_running })
    environment.GATEWAY_CONCURRENCY = "many"
    refuses "GATEWAY_CONCURRENCY must be a whole number from 1 to 999"
  end)

  it("name what is missing", function()
    for name, message in pairs {
      GATEWAY_SECRET = "GATEWAY_SECRET must be set, and have at least 16 characters",
      GATEWAY_WORKFLOWS = "GATEWAY_WORKFLOWS must name a workflow, such as daily-report=1",
      CDF_PROJECT = "the environment variable CDF_PROJECT is not set",
      CDF_URL = "the environment variable CDF_CLUSTER is not set",
      IDP_CLIENT_ID = "IDP_CLIENT_ID", IDP_CLIENT_SECRET = "IDP_CLIENT_SECRET", IDP_TOKEN_URL = "IDP_T",
    } do
      environment[name] = nil
      refuses(message)
      environment[name] = ENVIRONMENT[name]
    end
  end)

  it("name what is wrong", function()
    for name, cases in pairs {
      GATEWAY_SECRET = { short = "GATEWAY_SECRET must be set, and have at least 16 characters" },
      GATEWAY_WORKFLOWS = { ["daily-report"] = "expected name=version, got daily-report", ["=1"] = "got =1" },
      GATEWAY_MODE = {
        fast = 'GATEWAY_MODE must be "run" or "queue", got "fast"', queue = "GATEWAY_SPOOL is not set",
      },
    } do
      for value, message in pairs(cases) do
        environment[name] = value
        refuses(message)
        environment[name] = ENVIRONMENT[name]
      end
    end
    environment.GATEWAY_SECRET, environment.GATEWAY_CALLERS = nil, "lab"
    refuses "GATEWAY_SECRET_LAB must be set"
    environment.GATEWAY_SECRET_LAB = "secret-of-lab-4711"
    environment.GATEWAY_CALLERS = "lab=other"
    refuses "GATEWAY_CALLERS: lab may start other, which is not among the workflows"
    environment.GATEWAY_CALLERS = "l-b"
    environment["GATEWAY_SECRET_L-B"] = "secret-of-lab-4711"
    refuses "GATEWAY_CALLERS: the name l-b must be 1 to 32 letters, digits and _"
    refuses("secret must be set", { secret = "secret with blanks" })
    refuses("workflows must name a workflow", { workflows = {} })
    refuses("callers must name a caller", { callers = {} })
  end)

  it("that are mistakes of the program are told as such", function()
    local function raises(given, message)
      assert.error_matches(function() gateway.new(given, host()) end, message, 1, true)
    end
    raises({ workflow = {} }, 'unknown option "workflow"; did you mean "workflows"')
    raises({ workflows = { w = true } }, "workflows: expected a table of versions by workflow")
    raises({ callers = { a = { secrets = "x" } } }, 'unknown member "secrets"; did you mean "secret"')
    raises({ secret = "x", callers = {} }, "give either secret or callers")
    raises({ mode = "queues" }, 'did you mean "queue"')
    raises({ client = {} }, "client: expected a client")
    raises({ redis = { hots = "x" } }, 'unknown option "hots"; did you mean "host"')
    raises({ concurrency = 0 }, "concurrency: expected a whole number from 1 to 1000")
  end)
end)
