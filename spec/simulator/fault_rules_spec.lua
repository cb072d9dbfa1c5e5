-- SPDX-License-Identifier: Apache-2.0
-- What may be ordered as a fault, and in which words everything else is refused.

local core = require "cdfworkflow.core"
local rules = require "cdfworkflow.simulator.fault_rules"
local simulator = require "cdfworkflow.simulator"

describe("simulator.fault_rules", function()
  it("let good faults pass", function()
    for _, fault in ipairs {
      { status = 503 }, { status = 200, body = "" }, { status = 503, body = { error = core.array {} } },
      { status = 502, foreign = "after", headers = { Via = "gate" }, date = -300, delay = 0.5, close = true },
      { drop = "before" }, { drop = "after", delay = 3 }, { truncate = 0 }, { delay = 0.001 }, { close = true },
      { date = 3600.5 }, { behind = 10 }, { behind = 1, match = { operation = "listTriggers", method = "GET" } },
      { headers = { ["cdf-is-auto-retryable"] = "true" } },
      { status = 500, match = { operation = "run", path = "/w%-1/[^/]*/%a[]x]*(x(.-))%bxy$", nth = 2 } },
      { status = 500, match = { method = "POST", times = math.huge } },
    } do
      assert.is_nil(rules.problem(fault))
    end
  end)

  local bad = {
    { {}, "it does nothing; give one of status, drop, delay" },
    { { match = { operation = "run" } }, "it does nothing" },
    { { headers = {} }, "it does nothing" },
    { "503", 'a fault is a table, not "503"' },
    { { statsu = 1 }, 'unknown member "statsu"; did you mean "status"?' },
    { { status = 500, match = { opration = "run" } }, 'unknown member "opration"; did you mean "operation"?' },
    { { status = 500, match = "run" }, 'match must be a table, not "run"' },
    { { status = 500, match = { operation = "rnu" } }, 'match.operation names none: there is no operation "rnu"; did' },
    { { status = 500, match = { operation = 5 } }, "match.operation names none" },
    { { status = 500, match = { method = "get" } }, 'match.method must be one of "GET", ' },
    { { status = 500, match = { method = "GET", operation = "run" } }, "match.method never fits: run is a POST" },
    { { status = 500, match = { path = 5 } }, "match.path must be a pattern of Lua" },
    { { status = 500, match = { nth = 0 } }, "match.nth must be a whole number from 1 up, not 0" },
    { { status = 500, match = { times = 1.5 } }, "match.times must be a whole number from 1 up, not 1.5" },
    { { status = 500, match = { times = "2" } }, 'match.times must be a whole number from 1 up, not "2"' },
    { { status = "503" }, 'status must be a whole number from 200 to 599, not "503"' },
    { { status = core.null }, "status must be a whole number" },
    { { status = 503.5 }, "status must be a whole number" }, { { status = 0 / 0 }, "status must be a whole number" },
    { { status = 100 }, "status must be a whole number" }, { { status = 1e300 }, "status must be a whole number" },
    { { status = 503, body = 5 }, "body must be a string or a table, not 5" },
    { { status = 503, body = { print } }, "body is no JSON: " },
    { { body = "x" }, "body has no effect without status" },
    { { foreign = "after" }, "foreign has no effect without status" },
    { { status = 503, foreign = true }, 'foreign must be one of "before", "after", not true' },
    { { headers = "x" }, 'headers must be a table of names and values, not "x"' },
    { { headers = { ["a b"] = "x" } }, 'headers "a b" is no name of a header' },
    { { headers = { a = "x\r\nb: c" } }, "headers a must be a string without control characters" },
    { { headers = { a = 5 } }, "headers a must be a string" },
    { { headers = { Date = "x" } }, "headers Date is ordered with date" },
    { { status = 503, headers = { ["content-length"] = "5" } }, "headers content-length follows from the body" },
    { { headers = { ["Transfer-Encoding"] = "chunked" } }, "headers Transfer-Encoding follows from the body" },
    { { headers = { connection = "close" } }, "headers connection is ordered with close" },
    { { status = 204, body = "x" }, "body has no effect with status 204, whose answers have no body" },
    { { status = 304, truncate = 1 }, "truncate has no effect with status 304, whose answers have no body" },
    { { delay = 0 }, "delay must be a number of seconds above 0, not 0" },
    { { delay = math.huge }, "delay must be" }, { { delay = "1" }, "delay must be" },
    { { drop = "afterwards" }, 'drop must be one of "before", "after", not "afterwards"; did you mean "after"?' },
    { { drop = "after", status = 503 }, "status has no effect beside drop: the connection is cut with no answer" },
    { { drop = "before", close = true }, "close has no effect beside drop" },
    { { truncate = -1 }, "truncate must be a whole number of bytes" },
    { { truncate = 1, close = true }, "close has no effect beside truncate" },
    { { date = 0 }, "date must be a number of seconds other than 0" },
    { { behind = -1 }, "behind must be a number of seconds above 0" },
    { { behind = 5, status = 503 }, "behind has no effect beside status" },
    { { behind = 5, match = { operation = "run" } }, "behind has no effect on run, which gives no list" },
    { { close = "yes" }, 'close must be true, not "yes"' }, { { close = false }, "close must be true" },
  }
  for index, case in ipairs(bad) do
    it("refuse what is none: " .. index .. ", " .. case[2], function()
      local problem = rules.problem(case[1])
      assert.equal(case[2], (problem or "nothing"):sub(1, #case[2]))
    end)
  end

  it("refuse what Lua would not take as a pattern, however late it would notice", function()
    for _, path in ipairs { "a[", "a[]", "a%", "x(", "x)", "[%]", "(()", "%f", "%b" } do
      if not pcall(string.find, "axx", path) then
        assert.matches("must be a pattern of Lua", tostring(rules.problem { status = 500, match = { path = path } }),
          1, true, path)
      end
    end
  end)

  it("blame the line that orders", function()
    local sim = simulator.new()
    local here = debug.getinfo(1, "l").currentline + 2
    local ok, problem = pcall(function()
      sim:fault { match = { operation = "rnu" }, status = 503 }
    end)
    assert.is_false(ok)
    assert.matches("fault_rules_spec.lua:" .. here .. ": simulator fault: match.operation names none", problem, 1, true)
    assert.same({}, sim:list_faults())
  end)
end)
