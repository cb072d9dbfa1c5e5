-- SPDX-License-Identifier: Apache-2.0
-- The retry rules as tables: status × call × phase (DESIGN section 5, CDF.md section 12).

local rooms = require "rooms"

local function verdicts(outcome)
  return ("%s %s %s"):format(
    (rooms.judge("safe", outcome)), (rooms.judge("run", outcome)), (rooms.judge("unsafe", outcome)))
end

describe("the verdict on an answer (safe, run, unsafe)", function()
  local rows = {
    -- status, marked auto-retryable, verdicts
    { 200, false, "done done done" }, { 201, false, "done done done" }, { 202, false, "done done done" },
    { 204, false, "done done done" }, { 299, false, "done done done" },
    { 300, false, "fail fail fail" }, { 302, false, "fail fail fail" }, { 307, true, "fail fail fail" },
    { 400, false, "fail fail fail" }, { 400, true, "retry retry retry" },
    { 401, false, "denied denied denied" }, { 401, true, "denied denied denied" },
    { 403, false, "fail fail fail" }, { 404, false, "fail fail fail" }, { 404, true, "retry retry retry" },
    { 408, false, "fail fail fail" }, { 409, false, "fail fail fail" }, { 422, false, "fail fail fail" },
    { 429, false, "retry retry retry" }, { 429, true, "retry retry retry" },
    { 500, false, "fail fail fail" }, { 500, true, "retry retry retry" }, { 501, false, "fail fail fail" },
    { 502, false, "retry ambiguous ambiguous" }, { 502, true, "retry retry retry" },
    { 503, false, "retry retry fail" }, { 503, true, "retry retry retry" },
    { 504, false, "retry ambiguous ambiguous" }, { 504, true, "retry retry retry" },
    { 505, false, "fail fail fail" },
  }
  for _, row in ipairs(rows) do
    it(("%d%s: %s"):format(row[1], row[2] and " marked" or "", row[3]), function()
      assert.equal(row[3], verdicts { status = row[1], auto_retryable = row[2] })
    end)
  end

  it("takes a success that cannot be read for a failure, and never repeats it", function()
    assert.equal("fail fail fail", verdicts { status = 202, unreadable = true })
  end)
end)

describe("the verdict on a failure of the transport (safe, run, unsafe)", function()
  local rows = {
    -- failure, nothing sent, perhaps sent
    { "resolve", "retry retry retry", "retry ambiguous ambiguous" },
    { "connect", "retry retry retry", "retry ambiguous ambiguous" },
    { "timeout", "retry retry retry", "retry ambiguous ambiguous" },
    { "send", "retry retry retry", "retry ambiguous ambiguous" },
    { "receive", "retry retry retry", "retry ambiguous ambiguous" },
    { "tls", "fail fail fail", "fail ambiguous ambiguous" },
    { "proxy", "fail fail fail", "fail ambiguous ambiguous" },
    { "local", "fail fail fail", "fail ambiguous ambiguous" },
    { "cancelled", "fail fail fail", "fail ambiguous ambiguous" },
    { "protocol", "fail fail fail", "fail ambiguous ambiguous" },
    { "too_large", "fail fail fail", "fail ambiguous ambiguous" },
  }
  for _, row in ipairs(rows) do
    it(row[1] .. " before anything was sent: " .. row[2], function()
      assert.equal(row[2], verdicts { failure = row[1], sent = false })
    end)
    it(row[1] .. " after something may have been sent: " .. row[3], function()
      assert.equal(row[3], verdicts { failure = row[1], sent = true })
    end)
  end

  it("an answer that is too large but has a status leaves nothing in doubt", function()
    assert.equal("fail fail fail", verdicts { failure = "too_large", sent = true, status = 202 })
  end)

  it("an unknown failure counts as a lost answer", function()
    assert.equal("retry ambiguous ambiguous", verdicts { failure = "something new", sent = true })
  end)
end)

describe("whether trying later can help", function()
  it("is what a read would repeat", function()
    for _, status in ipairs { 429, 502, 503, 504 } do
      assert.is_true((select(2, rooms.judge("run", { status = status }))), tostring(status))
    end
    for _, status in ipairs { 400, 401, 403, 404, 409, 422, 500 } do
      assert.is_false((select(2, rooms.judge("run", { status = status }))), tostring(status))
    end
    assert.is_true((select(2, rooms.judge("run", { failure = "connect" }))))
    assert.is_false((select(2, rooms.judge("run", { failure = "tls" }))))
  end)
end)

describe("the delay before a repeat", function()
  it("is full jitter over 0.25 s · 2^n, at most 20 s", function()
    local ceilings = { [0] = 0.25, 0.5, 1, 2, 4, 8, 16, 20, 20, 20 }
    for n, ceiling in pairs(ceilings) do
      assert.equal(0, rooms.delay(n, -1, 0))
      assert.near(ceiling / 2, rooms.delay(n, -1, 0.5), 1e-9)
      assert.is_true(rooms.delay(n, -1, 0.999999) < ceiling)
    end
    assert.near(10, rooms.delay(1000000, -1, 0.5), 1e-9)
  end)

  it("is never shorter than what the server asked for", function()
    for _, random in ipairs { 0, 0.5, 0.999 } do
      local delay = rooms.delay(3, 7, random)
      assert.is_true(delay >= 7 and delay < 7.3, tostring(delay))
    end
  end)
end)

describe("Retry-After", function()
  local date = "Sun, 06 Nov 1994 08:49:37 GMT"

  it("is read as seconds", function()
    assert.equal(0, rooms.retry_after("0"))
    assert.equal(120, rooms.retry_after("120"))
    assert.equal(5, rooms.retry_after("5 "))
  end)

  it("is read as a date, counted from the answer's own Date", function()
    assert.equal(23, rooms.retry_after("Sun, 06 Nov 1994 08:50:00 GMT", date, 0))
  end)

  it("is counted from the local clock where the answer has no Date", function()
    assert.equal(13, rooms.retry_after("Sun, 06 Nov 1994 08:50:00 GMT", nil, 784111787))
    assert.equal(13, rooms.retry_after("Sun, 06 Nov 1994 08:50:00 GMT", "yesterday", 784111787))
  end)

  it("in the past means now", function()
    assert.equal(0, rooms.retry_after("Sun, 06 Nov 1994 08:00:00 GMT", date, 0))
  end)

  for _, text in ipairs { "", "soon", "-1", "1.5", "12x", "0x10", "9999999999", "Sun, 31 Foo 1994 08:50:00 GMT" } do
    it(("%q makes no sense"):format(text), function()
      assert.equal(-1, rooms.retry_after(text, nil, 0))
    end)
  end

  it("may be absent", function()
    assert.equal(-1, rooms.retry_after(nil))
  end)
end)

describe("an HTTP date", function()
  it("has three forms", function()
    assert.equal(784111777, rooms.http_date("Sun, 06 Nov 1994 08:49:37 GMT"))
    assert.equal(784111777, rooms.http_date("Sunday, 06-Nov-94 08:49:37 GMT"))
    assert.equal(784111777, rooms.http_date("Sun Nov  6 08:49:37 1994"))
  end)

  it("knows leap years and the end of February", function()
    assert.equal(951782400, rooms.http_date("Tue, 29 Feb 2000 00:00:00 GMT"))
    assert.equal(1709164800, rooms.http_date("Thu, 29 Feb 2024 00:00:00 GMT"))
    assert.equal(1709251200, rooms.http_date("Fri, 01 Mar 2024 00:00:00 GMT"))
    assert.equal(4107542400, rooms.http_date("Mon, 01 Mar 2100 00:00:00 GMT"))
    assert.equal(0, rooms.http_date("Thu, 01 Jan 1970 00:00:00 GMT"))
  end)

  for _, text in ipairs {
    "", "Sun", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 25:00:00 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1960 08:49:37 GMT",
  } do
    it(("%q is none"):format(text), function()
      assert.equal(-1, rooms.http_date(text))
    end)
  end
end)

describe("the retry budget", function()
  it("pays for 20 repeats without a success", function()
    assert.equal(("y"):rep(20) .. "nnn", rooms.budget(("s"):rep(23)))
  end)

  it("earns one repeat by five successes, and never holds more than 20", function()
    assert.equal(("y"):rep(20) .. "n" .. "y" .. "n", rooms.budget(("s"):rep(21) .. ("e"):rep(6) .. "ss"))
    assert.equal(("y"):rep(20) .. "n", rooms.budget(("e"):rep(100) .. ("s"):rep(21)))
  end)
end)
