-- SPDX-License-Identifier: Apache-2.0
-- lua/cdfworkflow/queue/spool/history.lua: what the lines of a log mean.

local History = require "cdfworkflow.queue.spool.history"

local now, clock

before_each(function()
  now = 1000
  clock = { now = function() return now end, time = function() return now end, boot = "a" }
end)

local function log(...)
  local text = ""
  for _, event in ipairs { ... } do
    event.time, event.up, event.boot = event.up, event.up, event.boot or "a"
    text = text .. History.line(event, text)
  end
  return text
end

local BEGUN = { what = "begun", seconds = 60, up = 900 }

describe("a history", function()
  it("counts attempts and knows the first and the last thing", function()
    local one = History.read(log(BEGUN, { what = "failed", up = 910, error = { kind = "auth" } },
      { what = "begun", seconds = 60, up = 950 }))
    assert.equal(2, one.attempts)
    assert.equal(900, one.first.up)
    assert.is_true(one:ends_with "begun")
    assert.same({ kind = "auth" }, one.error)
    one = History.read ""
    assert.equal(0, one.attempts)
    assert.is_nil(one.first)
    assert.is_false(one:ends_with "begun")
  end)

  it("passes over what a crash has cut off, and what is none", function()
    local text = log(BEGUN)
    assert.equal(1, History.read(text .. text:sub(1, -2)).attempts)
    assert.equal(2, History.read(text .. '{"what":"beg\n' .. '7\n{}\n{"what":"begun"}\n' .. text).attempts)
  end)

  it("ends a line that was cut off before the next", function()
    local text = log(BEGUN) .. '{"what":"fai'
    text = text .. History.line({ what = "begun", up = 1, time = 1 }, text)
    assert.equal(2, History.read(text).attempts)
  end)
end)

describe("the next attempt waits", function()
  local is_ours = false
  local function wait(alone, ...) return History.read(log(...)):wait(clock, alone, is_ours) end

  it("for nothing where nothing is in doubt", function()
    assert.equal(0, wait(0))
    assert.equal(0, wait(0, BEGUN, { what = "failed", up = 910 }))
    assert.equal(0, wait(0, BEGUN, { what = "refused", up = 910 }))
    assert.equal(0, wait(0, BEGUN, { what = "refused", up = 910 }, { what = "retried", up = 920 }))
  end)

  it("90 s after an attempt that ended in doubt", function()
    assert.equal(40, wait(1000, BEGUN, { what = "failed", in_doubt = true, up = 950 }))
    now = 1040
    assert.equal(0, wait(1000, BEGUN, { what = "failed", in_doubt = true, up = 950 }))
  end)

  it("90 s after it is certain that the drain is dead, or after its deadline, whichever is sooner", function()
    assert.equal(50, wait(0, BEGUN)) -- 900 + 60 + 90
    now = 961
    assert.equal(60, wait(30, BEGUN)) -- alone since 931
    now = 1051
    assert.equal(0, wait(0, BEGUN))
  end)

  it("until the deadline is over for an attempt of this process's own", function()
    now, is_ours = 920, true
    assert.equal(130, wait(80, BEGUN))
    is_ours = false
    assert.equal(10, wait(80, BEGUN))
  end)

  it("90 s alone where the machine was started anew", function()
    local before = { what = "begun", seconds = 60, up = 90000, boot = "before" }
    assert.equal(90, wait(0, before))
    assert.equal(80, wait(10, before))
    assert.equal(0, wait(90, before))
    assert.equal(90, wait(0, before, { what = "failed", in_doubt = true, up = 90010, boot = "before" }))
  end)

  it("also after it was dropped and put again, or set apart untried and retried", function()
    assert.equal(50, wait(0, BEGUN, { what = "dropped", up = 905 }))
    assert.equal(50, wait(0, BEGUN, { what = "refused", untried = true, up = 905 }, { what = "retried", up = 906 }))
  end)
end)
