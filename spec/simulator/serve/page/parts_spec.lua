-- SPDX-License-Identifier: Apache-2.0
-- Times, statuses, tables as they are read.

local parts = require "cdfworkflow.simulator.serve.page.parts"

describe("a time", function()
  it("is told in the units that fit", function()
    for ms, words in pairs { [0] = "0 s", [100] = "0.1 s", [1200] = "1.2 s", [9999] = "10 s", [10400] = "10 s",
      [60000] = "1 min", [61000] = "1 min 1 s", [3600000] = "1 h", [5400000] = "1 h 30 min", [86400000] = "1 d",
      [90000000] = "1 d 1 h" } do
      assert.equal(words, parts.duration(ms))
    end
  end)

  it("is not told before there is one", function()
    assert.equal("–", parts.moment(nil))
    assert.equal("–", parts.elapsed({}, 1000))
    assert.equal("2026-01-01 00:00:01", parts.moment(1767225601999))
    assert.equal("2 s", parts.elapsed({ startTime = 1000 }, 3000))
    assert.equal("1 s", parts.elapsed({ startTime = 1000, endTime = 2000 }, 9000))
  end)
end)

describe("a status", function()
  it("has a tone and words", function()
    assert.equal('<span class="status bad">timed out</span>', parts.badge "TIMED_OUT")
    assert.equal('<span class="status idle">not run</span>', parts.badge "NOT_RUN")
    assert.equal('<span class="status warn">completed with errors</span>', parts.badge "COMPLETED_WITH_ERRORS")
    assert.equal('<span class="status idle">&lt;odd&gt;</span>', parts.badge "<ODD>")
  end)
end)

describe("a table", function()
  it("names each cell, for where there is no room for columns", function()
    local html = parts.table({ { "A & b" }, { "N", class = "number" } }, { { id = "x", "<i>1</i>", "2" } }, "None.")
    assert.matches('<th scope="col">A &amp; b</th><th scope="col" class="number">N</th>', html, 1, true)
    assert.matches('<tr id="x"><td data-label="A &amp; b"><div><i>1</i></div></td>'
      .. '<td class="number" data-label="N"><div>2</div></td></tr>', html, 1, true)
  end)

  it("has no heading without words", function()
    local html = parts.table({ { "A" }, { "" } }, { { "1", "2" } }, "None.")
    assert.matches('<thead><tr><th scope="col">A</th><td></td></tr></thead>', html, 1, true)
  end)

  it("says when it has no row", function()
    assert.equal('<div class="card empty">None &amp; nothing.</div>', parts.table({ { "A" } }, {}, "None & nothing."))
  end)
end)
