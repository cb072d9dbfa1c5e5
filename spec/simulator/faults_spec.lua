-- SPDX-License-Identifier: Apache-2.0

local core = require "cdfworkflow.core"
local faults = require "cdfworkflow.simulator.faults"

local function answer()
  return { status = 200, headers = { ["content-type"] = "application/json" }, body = "{}" }
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
      end)
      assert.equal(429, response.status)
      assert.equal("application/json", response.headers["content-type"])
      assert.equal(429, core.decode(response.body).error.code)
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
      local response = faults.apply({ delay = 2.5, truncate = 1 }, answer)
      assert.same({ 2.5, 1 }, { response.fault.delay, response.fault.truncate })
      assert.equal("{}", response.body)
    end)
  end)

  it("refuses misspelt orders", function()
    for _, fault in ipairs { { staus = 500 }, { match = { opration = "run" } }, { drop = "sometimes" } } do
      assert.has_error(function()
        ordered:order(fault)
      end)
    end
  end)
end)
