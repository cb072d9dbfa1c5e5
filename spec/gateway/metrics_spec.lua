-- SPDX-License-Identifier: Apache-2.0
local gateway_world = require "gateway_world"

describe("the gateway's metrics", function()
  local world

  before_each(function() world = gateway_world.new() end)

  local function metrics()
    local status, text, headers = world:ask { method = "GET", path = "/metrics", secret = "none" }
    assert.equal(200, status)
    assert.equal("text/plain; version=0.0.4; charset=utf-8", headers["content-type"])
    return text
  end

  local function value(text, name)
    for line in text:gmatch "[^\n]+" do
      local found, figure = line:match "^(%S+) (%S+)$"
      if found == name then return tonumber(figure) end
    end
  end

  it("count deliveries, starts, replays and refusals", function()
    world:ask { body = "{}", key = "k" }
    world:ask { body = "{}", key = "k" }
    world:ask { body = '{"a":1}', key = "k" }
    world:ask { path = "/runs/a%2Fb", body = "[]" }
    world:ask { path = "/runs/other", body = "{}" }
    world:ask { body = "{}", secret = "wrong" }
    world:ask { method = "GET", path = "/runs/daily-report/x" } -- none of these
    local text = metrics()
    local function count(name) return value(text, "cdfworkflow_gateway_" .. name) end
    assert.equal(3, count 'deliveries_total{workflow="daily-report"}')
    assert.equal(1, count 'starts_total{workflow="daily-report"}')
    assert.equal(1, count 'replays_total{workflow="daily-report"}')
    assert.equal(1, count 'refusals_total{workflow="daily-report",code="key_reused"}')
    assert.equal(1, count 'refusals_total{workflow="a/b",code="body"}')
    assert.equal(0, count 'starts_total{workflow="a/b"}')
    assert.equal(1, count 'refusals_total{workflow="",code="not_found"}')
    assert.equal(1, count 'refusals_total{workflow="",code="unauthorized"}')
    assert.equal(6, count "delivery_seconds_count")
    assert.equal(6, count 'delivery_seconds_bucket{le="+Inf"}')
    assert.is_true(count "delivery_seconds_sum" > 0)
    assert.is_true(count "token_age_seconds" < 10)
  end)

  it("are in the form that Prometheus reads", function()
    world:restart(nil, { workflows = { ['say "hi"\\'] = "1" } })
    world:ask { path = "/runs/say%20%22hi%22%5C", body = "{}" }
    local text, typed = metrics(), {}
    for line in text:gmatch "([^\n]*)\n" do
      local name, kind = line:match "^# TYPE (%S+) (%S+)$"
      if name then typed[name] = kind end
      if not line:find "^#" then
        name = line:match '^([%a_]+)%S* [%d.]+$' or line:match '^([%a_]+){.*} [%d.]+$'
        assert.truthy(name and typed[name] or typed[(name or ""):gsub("_%a+$", "")], line)
      end
    end
    assert.truthy(text:find([[deliveries_total{workflow="say \"hi\"\\"} 1]], 1, true), text)
  end)
end)
