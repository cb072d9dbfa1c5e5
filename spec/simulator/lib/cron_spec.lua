-- SPDX-License-Identifier: Apache-2.0
-- Cron expressions: what is read and refused, when they fire, the days on which clocks change, and a comparison with
-- plain stepping from minute to minute.

local cron = require "cdfworkflow.simulator.lib.cron"
local timezone = require "cdfworkflow.simulator.lib.timezone"

local function at(text)
  local y, mo, d, h, mi = text:match("^(%d+)-(%d+)-(%d+) (%d+):(%d+)$")
  return (timezone.days(tonumber(y), tonumber(mo), tonumber(d)) * 1440 + tonumber(h) * 60 + tonumber(mi)) * 60000
end

local function text_of(ms)
  return os.date("!%Y-%m-%d %H:%M", math.floor(ms / 1000))
end

-- The next firings after a moment, in UTC.
local function firings(expression, zone, after, count)
  local schedule = assert(cron.parse(expression, zone))
  local list, t = {}, at(after)
  for i = 1, count do
    t = cron.next(schedule, t)
    list[i] = text_of(t)
  end
  return list
end

describe("an expression", function()
  local good = {
    { "0 12 * * *", { "2026-11-22 12:00", "2026-11-23 12:00" } },
    { "* * * * *", { "2026-11-22 00:01", "2026-11-22 00:02" } },
    { "*/15 6-18 * * 1-5", { "2026-11-23 06:00", "2026-11-23 06:15" } },
    { "5,35 0 * * *", { "2026-11-22 00:05", "2026-11-22 00:35", "2026-11-23 00:05" } },
    { "10-30/10 3 * * *", { "2026-11-22 03:10", "2026-11-22 03:20", "2026-11-22 03:30", "2026-11-23 03:10" } },
    { "59 23 31 12 *", { "2026-12-31 23:59", "2027-12-31 23:59" } },
    { "0 0 29 2 *", { "2028-02-29 00:00", "2032-02-29 00:00" } },
    { "0 0 1 jan,JUL *", { "2027-01-01 00:00", "2027-07-01 00:00" } },
    { "0 0 * * MON", { "2026-11-23 00:00", "2026-11-30 00:00" } },
    { "0 0 * * 7", { "2026-11-29 00:00", "2026-12-06 00:00" } },
    { "0 1 * * fri-sun", { "2026-11-22 01:00", "2026-11-27 01:00", "2026-11-28 01:00", "2026-11-29 01:00" } },
    { "0 1 * * 5-7", { "2026-11-22 01:00", "2026-11-27 01:00", "2026-11-28 01:00", "2026-11-29 01:00" } },
    { "0 1 * * sun-mon", { "2026-11-22 01:00", "2026-11-23 01:00", "2026-11-29 01:00" } },
    { "  0\t0  13  * 5 ", { "2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00" } },
    { "0 0 */2 * 1", { "2026-11-23 00:00", "2026-12-07 00:00" } }, -- begins with *: both must fit
    { "0 0 30 2 MON", { "2027-02-01 00:00", "2027-02-08 00:00" } }, -- never on the 30th, but on Mondays
  }
  for _, case in ipairs(good) do
    it("fires: " .. case[1], function()
      assert.same(case[2], firings(case[1], nil, "2026-11-22 00:00", #case[2]))
    end)
  end

  local bad = {
    { "", "has 0" }, { "* * * *", "has 4" }, { "0 0 * * * *", "has 6" }, { "@daily", "has 1" },
    { "60 * * * *", "minute 60 is not in 0 to 59" }, { "* 24 * * *", "hour 24" }, { "* * 0 * *", "day of month 0" },
    { "* * 32 * *", "day of month 32" }, { "* * * 0 *", "month 0" }, { "* * * 13 *", "month 13" },
    { "* * * * 8", "day of week 8" }, { "a * * * *", '"a" is not a minute' }, { "* * * MAI *", '"MAI" is not a month' },
    { "* * * * L", "is not a day of week" }, { "? * * * *", "is not a minute" }, { "1,,2 * * * *", "is not a minute" },
    { "1- * * * *", "is not a minute" }, { "-1 * * * *", "is not a minute" }, { "1-2-3 * * * *", "is not a minute" },
    { "1.5 * * * *", "is not a minute" }, { "5-1 * * * *", "runs backwards" }, { "* * * * SAT-MON", "runs backwards" },
    { "*/0 * * * *", "step" }, { "*/x * * * *", "step" }, { "*/ * * * *", "step" }, { "5/15 * * * *", "step needs" },
    { "0 0 30 2 *", "does not exist in any year" }, { "0 0 31 4,6,9,11 *", "does not exist in any year" },
    { 7, "is text" },
  }
  for _, case in ipairs(bad) do
    it("is refused: " .. tostring(case[1]), function()
      local schedule, message = cron.parse(case[1])
      assert.is_nil(schedule)
      assert.matches(case[2], message, 1, true)
    end)
  end

  it("is refused with an unknown time zone", function()
    local schedule, message = cron.parse("* * * * *", "Mars/Base")
    assert.is_nil(schedule)
    assert.matches("Mars/Base", message)
  end)

  it("fires after the given moment, never at it, on the full minute", function()
    local schedule = assert(cron.parse "*/5 * * * *")
    local five = at "2026-11-22 10:05"
    assert.equal(five, cron.next(schedule, five - 1))
    assert.equal(five, cron.next(schedule, five - 299999))
    assert.equal(five + 300000, cron.next(schedule, five))
    assert.equal(five + 300000, cron.next(schedule, five + 0.5))
  end)
end)

describe("a time zone", function()
  it("moves the firings", function()
    assert.same({ "2026-11-22 23:00", "2026-11-23 23:00" }, firings("0 0 * * *", "Europe/Oslo", "2026-11-22 00:00", 2))
    assert.same({ "2026-11-22 03:30" }, firings("0 9 * * *", "Asia/Kolkata", "2026-11-22 00:00", 1))
    assert.same({ "2060-07-01 10:00" }, firings("0 12 1 7 *", "Europe/Oslo", "2060-01-01 00:00", 1))
  end)

  it("that jumps forward: a time that is left out fires once, at the end of the gap", function()
    assert.same({ "2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30" },
      firings("30 2 * * *", "Europe/Oslo", "2026-03-28 00:00", 3))
    assert.same({ "2026-03-29 01:00", "2026-03-29 01:10" }, -- 02:10 to 02:50 and 03:00 are one moment
      firings("*/10 2,3 * * *", "Europe/Oslo", "2026-03-29 00:00", 2))
  end)

  it("that falls back: a time that comes twice fires once, the first time", function()
    assert.same({ "2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30" },
      firings("30 2 * * *", "Europe/Oslo", "2026-10-24 00:00", 3))
    assert.same({ "2026-10-26 01:30" }, firings("30 2 * * *", "Europe/Oslo", "2026-10-25 01:15", 1))
  end)

  it("leaves schedules of every hour to run on through both", function()
    assert.same({ "2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30" },
      firings("*/30 * * * *", "Europe/Oslo", "2026-03-29 00:00", 3))
    assert.same({ "2026-10-25 00:15", "2026-10-25 01:15", "2026-10-25 02:15" },
      firings("15 * * * *", "Europe/Oslo", "2026-10-25 00:00", 3))
  end)

  it("that leaves out a whole day", function()
    assert.same({ "2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00" },
      firings("0 12 * * *", "Pacific/Apia", "2011-12-29 00:00", 3))
  end)
end)

---------------------------------------------------------------------------------------------------------------------
-- Against plain stepping
---------------------------------------------------------------------------------------------------------------------

local seed = 20261122
local function random(below)
  seed = seed * 16807 % 2147483647
  return seed % below
end

local function random_field(low, high, may_be_star)
  if may_be_star and random(2) == 0 then return "*", nil end
  local set, words = {}, {}
  for i = 1, 1 + random(3) do
    local n = low + random(high - low + 1)
    set[n], words[i] = true, ("%d"):format(n)
  end
  return table.concat(words, ","), set
end

local function fits(set, n)
  return set == nil or set[n] == true
end

local function wall_fits(sets, wall)
  local date = os.date("!*t", wall)
  local day, weekday = fits(sets[3], date.day), fits(sets[5], date.wday - 1)
  local days = sets[3] and sets[5] and (day or weekday) or not (sets[3] and sets[5]) and day and weekday
  return fits(sets[1], date.min) and fits(sets[2], date.hour) and fits(sets[4], date.month) and days
end

-- Every minute from `from` to `to`, with what the clocks show.
local function step_through(sets, zone, from, to)
  local found, shown_before = {}, zone:offset(from - 60) + from - 60
  local latest = shown_before
  for t = from, to, 60 do
    local wall = t + zone:offset(t)
    local fires = wall_fits(sets, wall) and (sets[2] == nil or wall > latest)
    for left_out = shown_before + 60, sets[2] and wall - 60 or 0, 60 do
      fires = fires or wall_fits(sets, left_out)
    end
    if fires then found[#found + 1] = text_of(t * 1000) end
    shown_before, latest = wall, math.max(latest, wall)
  end
  return found
end

describe("100 generated expressions", function()
  it("fire as plain stepping says, on days on which clocks change", function()
    local changes = {
      { "Europe/Oslo", "2026-03-28 12:00" }, { "Europe/Oslo", "2026-10-24 12:00" },
      { "America/New_York", "2026-03-07 12:00" }, { "America/New_York", "2026-10-31 12:00" },
      { "Australia/Lord_Howe", "2026-04-04 00:00" }, { "Australia/Lord_Howe", "2026-10-03 00:00" },
      { "UTC", "2026-02-27 12:00" }, { "America/St_Johns", "2026-10-31 12:00" },
    }
    local total = 0
    for i = 1, 100 do
      local words, sets = {}, {}
      words[1], sets[1] = random_field(0, 59, true)
      words[2], sets[2] = random_field(0, 4, true)
      words[3], sets[3] = random_field(1, 31, true)
      words[4], sets[4] = "*", nil
      words[5], sets[5] = random_field(0, 6, true)
      local expression, change = table.concat(words, " "), changes[i % #changes + 1]
      local from, zone = at(change[2]) / 1000, assert(timezone.load(change[1]))
      local expected = step_through(sets, zone, from, from + 40 * 3600)
      local schedule, t, got = assert(cron.parse(expression, change[1])), from * 1000 - 1, {}
      for n = 1, #expected do
        t = cron.next(schedule, t)
        got[n] = text_of(t)
      end
      assert.same(expected, got, expression .. " in " .. change[1])
      assert.is_true(cron.next(schedule, t) > (from + 40 * 3600) * 1000, expression)
      total = total + #expected
    end
    assert.is_true(total > 300)
  end)
end)

describe("the search", function()
  it("takes no time to speak of, also over many years", function()
    local begun = os.clock()
    local schedule = assert(cron.parse("0 0 29 2 *", "America/New_York"))
    for year = 1, 2000 do cron.next(schedule, at "2026-03-01 00:00" + year) end
    cron.parse("0 0 30 2 *")
    assert.is_true(os.clock() - begun < 1)
  end)
end)
