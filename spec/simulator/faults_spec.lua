-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local faults = require "cdfworkflow.simulator.faults"
local refusal = require "cdfworkflow.simulator.lib.refusal"

local function answer()
  return { status = 200, headers = { ["content-type"] = "application/json" }, body = "{}" }
end

local function envelope(status, message)
  return { status = status, headers = {}, body = core.encode(refusal.envelope(status, message)) }
end

describe("simulator.faults", function()
  local ordered

  before_each(function()
    ordered = faults.new()
  end)

  local function taken(method, path, operation)
    local fault = ordered:take(method or "GET", path or "/x", operation)
    return fault and fault.status
  end

  describe("match", function()
    it("is the next request unless told, once", function()
      ordered:order { status = 503 }
      assert.equal(503, taken())
      assert.is_nil(taken())
    end)

    it("goes by method, path and operation", function()
      ordered:order { match = { method = "POST", path = "/run$", operation = "runWorkflowVersion" }, status = 503 }
      assert.is_nil(taken("GET", "/w/run", "runWorkflowVersion"))
      assert.is_nil(taken("POST", "/w/runs", "runWorkflowVersion"))
      assert.is_nil(taken("POST", "/w/run", "other"))
      assert.equal(503, taken("POST", "/w/run", "runWorkflowVersion"))
    end)

    it("knows short names", function()
      for short, operation in pairs { run = "runWorkflowVersion", token = "issueToken", session = "createSessions" } do
        ordered:order { match = { operation = short }, status = 500 }
        assert.is_nil(taken("POST", "/x", short))
        assert.equal(500, taken("POST", "/x", operation))
      end
    end)

    it("counts: the nth, and so many in a row", function()
      ordered:order { match = { path = "a", nth = 2, times = 2 }, status = 500 }
      assert.is_nil(taken("GET", "/a"))
      assert.is_nil(taken("GET", "/b"))
      assert.equal(500, taken("GET", "/a"))
      assert.equal(500, taken("GET", "/a"))
      assert.is_nil(taken("GET", "/a"))
    end)

    it("can be for ever", function()
      ordered:order { match = { times = math.huge }, status = 500 }
      for _ = 1, 100 do
        assert.equal(500, taken())
      end
    end)
  end)

  it("hit in the order in which they were ordered, and each counts every request that it fits", function()
    ordered:order { match = { path = "a" }, status = 501 }
    ordered:order { match = { path = "a" }, status = 502 }
    ordered:order { match = { path = "a", nth = 3 }, status = 503 }
    assert.same({ 501, 502, 503 }, { taken("GET", "/a"), taken("GET", "/a"), taken("GET", "/a") })
    assert.is_nil(taken("GET", "/a"))
  end)

  describe("apply", function()
    it("answers with a status and CDF's envelope, and does nothing else", function()
      local response = faults.apply({ status = 429 }, function()
        error "handled"
      end, envelope)
      assert.equal(429, response.status)
      assert.equal(429, core.decode(response.body).error.code)
    end)

    it("answers as a balancer would, before the request is handled or after", function()
      local handled = 0
      local function count()
        handled = handled + 1
        return answer()
      end
      local response = faults.apply({ status = 502, foreign = "before" }, count, envelope)
      assert.same({ 502, "text/html", 0 }, { response.status, response.headers["content-type"], handled })
      assert.matches("502", response.body, 1, true)
      response = faults.apply({ status = 503, foreign = "after", headers = { Via = "1.1 gate" } }, count, envelope)
      assert.same({ 503, "text/plain", "1.1 gate", 1 },
        { response.status, response.headers["content-type"], response.headers.via, handled })
      assert.matches("^upstream connect error", response.body)
      response = faults.apply({ status = 504, foreign = "after", body = { gone = true } }, count, envelope)
      assert.same({ '{"gone":true}', 2 }, { response.body, handled })
    end)

    it("answers with the body and headers given", function()
      local response = faults.apply({ status = 502, body = "<html>", headers = { ["Retry-After"] = "1" } }, answer)
      assert.same({ "<html>", "text/plain", "1" },
        { response.body, response.headers["content-type"], response.headers["retry-after"] })
      response = faults.apply({ status = 400, body = { error = "x" } }, answer)
      assert.equal('{"error":"x"}', response.body)
    end)

    it("adds headers to the true answer", function()
      local response = faults.apply({ headers = { ["cdf-is-auto-retryable"] = "true" } }, answer)
      assert.same({ 200, "true", "{}" }, { response.status, response.headers["cdf-is-auto-retryable"], response.body })
    end)

    it("does not handle what is dropped before, handles what is dropped after", function()
      local handled = 0
      local function count()
        handled = handled + 1
        return answer()
      end
      local response = faults.apply({ drop = "before" }, count)
      assert.same({ 0, "before" }, { handled, response.fault.drop })
      response = faults.apply({ drop = "after" }, count)
      assert.same({ 1, "after" }, { handled, response.fault.drop })
    end)

    it("leaves waiting and cutting to the server", function()
      local response = faults.apply({ delay = 2.5, truncate = 1, close = true }, answer)
      assert.same({ delay = 2.5, truncate = 1, close = true }, response.fault)
      assert.equal("{}", response.body)
    end)

    it("asks for lists of an earlier time", function()
      local seen
      faults.apply({ behind = 7 }, function(behind)
        seen = behind
        return answer()
      end)
      assert.equal(7, seen)
    end)
  end)

  it("that show lists of an earlier time hit lists only", function()
    ordered:order { behind = 5 }
    assert.is_nil(ordered:take("POST", "/x", "runWorkflowVersion"))
    assert.is_nil(ordered:take("GET", "/nowhere", nil))
    assert.equal(5, ordered:take("GET", "/x", "listTriggers").behind)
  end)

  describe("that wait", function()
    before_each(function()
      ordered:order { status = 503, match = { operation = "run", nth = 3, times = 2 }, headers = { a = "b" } }
      ordered:order { drop = "after", match = { times = math.huge } }
    end)

    it("can be looked at, and are the caller's own no more", function()
      ordered:take("POST", "/x", "runWorkflowVersion")
      local list = ordered:list()
      assert.same({
        { id = 1, skip = 1, left = 2,
          fault = { status = 503, match = { operation = "run", nth = 3, times = 2 }, headers = { a = "b" } } },
        { id = 2, skip = 0, fault = { drop = "after", match = {} } },
      }, list)
      assert.truthy(core.encode(list))
      list[2].fault.drop, list[1].fault.match.nth = nil, nil
      assert.equal("after", ordered:take("GET", "/x", "listTriggers").drop)
    end)

    it("can be taken back, one or all", function()
      assert.equal(0, ordered:clear(7))
      assert.equal(1, ordered:clear(1))
      assert.equal(2, ordered:list()[1].id)
      assert.equal(3, ordered:order { status = 500 })
      assert.equal(2, ordered:clear())
      assert.same({}, ordered:list())
      assert.is_nil(ordered:take("GET", "/x", nil))
    end)
  end)
end)
