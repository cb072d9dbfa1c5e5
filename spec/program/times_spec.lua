-- SPDX-License-Identifier: Apache-2.0
local times = require "cdfworkflow.program.times"

describe("times", function()
  it("reads durations", function()
    local good = { ["90"] = 90, ["90s"] = 90, ["10m"] = 600, ["1.5h"] = 5400, ["1d"] = 86400, ["0"] = 0 }
    for text, seconds in pairs(good) do
      assert.equal(seconds, times.duration(text), text)
    end
    for _, text in ipairs { "", "m", "-5s", "5x", "5 m", "1e3", "10ms", "5m30s" } do
      local seconds, message = times.duration(text)
      assert.is_nil(seconds)
      assert.matches("is no duration: a number with s, m, h or d", message)
    end
  end)

  it("refuses durations that nobody means", function()
    for _, text in ipairs { "36501d", "9999999999999999d", ("9"):rep(40), "9223372036854775807s" } do
      assert.same({ nil, ("'%s' is longer than 36500 days"):format(text) }, { times.duration(text) })
    end
    assert.equal(36500 * 86400, times.duration "36500d")
    assert.equal(86400, times.duration("1d", 86400))
    assert.same({ nil, "'25h' is longer than 1 days" }, { times.duration("25h", 86400) })
  end)

  it("reads moments: RFC 3339, dates, and durations back from now", function()
    local now = 1795521600 -- 2026-11-24T12:00:00Z
    for text, seconds in pairs {
      ["2026-11-24T12:00:00Z"] = now, ["2026-11-24T13:00:00+01:00"] = now, ["2026-11-24t11:30:00.5-00:30"] = now + 0.5,
      ["2026-11-24 12:00:00z"] = now, ["2026-11-24"] = now - 43200, ["1h"] = now - 3600, ["1970-01-01"] = 0,
      ["2000-02-29"] = 951782400,
    } do
      assert.equal(seconds * 1000, times.moment(text, now), text)
    end
    for _, text in ipairs { "2026-02-29", "2026-13-01", "2026-00-10", "2026-11-24T25:00:00Z", "2026-11-24T12:00:00",
      "2026-11-24T12:00Z", "yesterday", "24.11.2026", "" } do
      local moment, message = times.moment(text, now)
      assert.is_nil(moment, text)
      assert.matches("is no time: RFC 3339", message)
    end
    for _, text in ipairs { "1969-12-31", "0000-01-01", "30000d", "1970-01-01T00:00:00+01:00" } do
      assert.same({ nil, ("'%s' is before 1970"):format(text) }, { times.moment(text, now) })
    end
  end)

  it("shows moments in UTC, to the second", function()
    assert.equal("2026-11-24T12:00:00Z", times.shown(1795521600999))
    assert.equal("-", times.shown(nil))
  end)
end)
