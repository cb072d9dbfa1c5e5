-- SPDX-License-Identifier: Apache-2.0

local http_date = require "cdfworkflow.simulator.lib.http_date"

describe("simulator.http_date", function()
  it("writes what RFC 9110 asks for", function()
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", http_date(784111777000))
    assert.equal("Thu, 01 Jan 1970 00:00:00 GMT", http_date(999.9))
    assert.equal("Thu, 29 Feb 2024 23:59:59 GMT", http_date(1709251199999))
  end)

  it("speaks English in every locale", function()
    local before = os.setlocale(nil, "time")
    os.setlocale("de_DE.UTF-8", "time") -- where there is none, nothing changes
    local text = http_date(784111777000)
    os.setlocale(before, "time")
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", text)
  end)
end)
