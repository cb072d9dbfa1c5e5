-- SPDX-License-Identifier: Apache-2.0
-- The retry rules as tables: status × call × phase (README «Promises», CDF.md section 12).

local rooms = require "rooms"

--- What the answer says of an attempt, to a call that is safe to repeat, to a run and to one that is not safe.
local function replies(outcome)
  local seen = {}
  for _, repeats in ipairs { "safe", "run", "unsafe" } do
    local reply = rooms.reply(repeats, outcome)
    if reply ~= seen[#seen] then seen[#seen + 1] = reply end
  end
  return table.concat(seen, " ")
end

describe("what an answer says of an attempt", function()
  local rows = {
    -- status, marked auto-retryable, in CDF's own words, in somebody else's; where calls differ, all
    { 200, false, "success" }, { 201, false, "success" }, { 202, false, "success" }, { 204, false, "success" },
    { 299, false, "success" },
    { 300, false, "lost" }, { 302, false, "lost" }, { 307, true, "lost" },
    { 400, false, "spent", "told" }, { 400, true, "put_off" },
    { 401, false, "denied" }, { 401, true, "denied" },
    { 403, false, "refused", "told" }, { 404, false, "refused", "told" }, { 404, true, "put_off" },
    { 408, false, "lost" }, { 409, false, "refused", "told" }, { 422, false, "refused", "told" },
    { 429, false, "untouched" }, { 429, true, "untouched" }, { 499, false, "lost" },
    { 500, false, "lost" }, { 500, true, "put_off" }, { 501, false, "lost" },
    { 502, false, "lost" }, { 502, true, "put_off" },
    { 503, false, "put_off told", "lost" }, { 503, true, "put_off" },
    { 504, false, "lost" }, { 504, true, "put_off" }, { 520, false, "lost" }, { 524, false, "lost" },
  }
  for _, row in ipairs(rows) do
    local code, marked, own, foreign = row[1], row[2], row[3], row[4] or row[3]
    it(("%d%s: %s, from elsewhere %s"):format(code, marked and " marked" or "", own, foreign), function()
      assert.equal(own, replies { status = code, auto_retryable = marked, own = true })
      assert.equal(foreign, replies { status = code, auto_retryable = marked })
    end)
  end

  it("takes a success that cannot be read for a lost answer", function()
    assert.equal("lost", replies { status = 202, unreadable = true })
  end)
end)

describe("what a failure of the transport says of an attempt", function()
  local unsent = {
    resolve = "untouched", connect = "untouched", timeout = "untouched", send = "untouched", receive = "untouched",
    tls = "impossible", proxy = "impossible", ["local"] = "impossible", cancelled = "impossible",
    protocol = "impossible", too_large = "impossible",
  }
  for failure, reply in pairs(unsent) do
    it(failure .. ": " .. reply .. " before anything was sent, then lost", function()
      assert.equal(reply, replies { failure = failure, sent = false })
      assert.equal("lost", replies { failure = failure, sent = true })
    end)
  end

  it("is a loss where an answer is too large, whatever its status", function()
    assert.equal("lost", replies { failure = "too_large", sent = true, status = 202 })
  end)

  it("is a loss where the failure is not known", function()
    assert.equal("lost", replies { failure = "something new", sent = true })
  end)
end)

describe("whether trying later can help", function()
  local function passes(outcome) return (select(2, rooms.reply("run", outcome))) end

  it("is what a read would repeat", function()
    for _, status in ipairs { 408, 429, 499, 502, 503, 504, 500, 520, 524 } do
      assert.is_true(passes { status = status }, tostring(status))
    end
    for _, status in ipairs { 400, 401, 403, 404, 409, 422 } do
      assert.is_false(passes { status = status }, tostring(status))
    end
    assert.is_true(passes { failure = "connect" })
    assert.is_false(passes { failure = "tls" })
  end)

  it("is not said of CDF's own 500", function()
    assert.is_false(passes { status = 500, own = true })
    assert.is_true(passes { status = 500, own = true, auto_retryable = true })
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
