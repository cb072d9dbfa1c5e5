-- SPDX-License-Identifier: Apache-2.0
-- Time zone files: made by hand here for the format itself, and the system's for a few well-known facts.

local timezone = require "cdfworkflow.simulator.lib.timezone"

local function at(year, month, day, hour, minute)
  return timezone.days(year, month, day) * 86400 + (hour or 0) * 3600 + (minute or 0) * 60
end

local function big32(n)
  n = n % 4294967296
  return string.char(math.floor(n / 16777216), math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
end

local function big64(n)
  return big32(math.floor(n / 4294967296)) .. big32(n)
end

-- A TZif file with the given changes, { time, kind } each, and kinds, an offset each.
local function tzif(given)
  local changes, kinds = given.changes or {}, given.kinds or { 0 }
  local body = {}
  for _, change in ipairs(changes) do body[#body + 1] = big64(change[1]) end
  for _, change in ipairs(changes) do body[#body + 1] = string.char(change[2]) end
  for _, offset in ipairs(kinds) do body[#body + 1] = big32(offset) .. "\0\0" end
  local leap = given.leap or 0
  local function header(times, types)
    return "TZif" .. (given.version or "2") .. ("\0"):rep(15) .. big32(0) .. big32(0) .. big32(leap) .. big32(times)
      .. big32(types) .. big32(4)
  end
  local first = header(0, 1) .. "\0\0\0\0\0\0" .. "XXX\0" .. ("\0"):rep(8 * leap)
  return first .. header(#changes, #kinds) .. table.concat(body) .. "XXX\0" .. ("\0"):rep(12 * leap)
    .. "\n" .. (given.footer or "") .. "\n"
end

local function zone_of(given)
  return assert(timezone.parse(tzif(given)))
end

describe("the calendar", function()
  it("counts days and finds the date again, over 1,200 years", function()
    local days = timezone.days(1600, 1, 1)
    assert.equal(-135140, days)
    for year = 1600, 2799 do
      for month = 1, 12 do
        for day = 1, timezone.days_in_month(year, month) do
          if timezone.days(year, month, day) ~= days then error(("%d-%d-%d"):format(year, month, day)) end
          local y, m, d = timezone.date(days)
          if y ~= year or m ~= month or d ~= day then error(("day %d"):format(days)) end
          days = days + 1
        end
      end
    end
    assert.equal(0, timezone.days(1970, 1, 1))
    assert.equal(29, timezone.days_in_month(2000, 2))
    assert.equal(28, timezone.days_in_month(2100, 2))
  end)
end)

describe("a time zone file", function()
  it("gives the offset of the first kind before the first change, and each change from its second on", function()
    local zone = zone_of { changes = { { -1000, 1 }, { 5000000000, 2 } }, kinds = { 60, 3600, -7200 } }
    assert.same({ 60, -1000 }, { zone:offset(-1001) })
    assert.same({ 3600, 5000000000 }, { zone:offset(-1000) })
    assert.same({ 3600, 5000000000 }, { zone:offset(4999999999) })
    assert.same({ -7200, math.huge }, { zone:offset(5000000000) })
  end)

  it("goes on with the footer's rule after the last change", function()
    local rule = "CET-1CEST,M3.5.0,M10.5.0/3"
    local zone = zone_of { changes = { { at(2000, 1, 1), 0 } }, kinds = { 3600 }, footer = rule }
    assert.same({ 3600, at(2061, 3, 27, 1) }, { zone:offset(at(2061, 3, 27, 1) - 1) })
    assert.same({ 7200, at(2061, 10, 30, 1) }, { zone:offset(at(2061, 3, 27, 1)) })
    assert.same({ 3600, at(2062, 3, 26, 1) }, { zone:offset(at(2061, 12, 31, 23)) })
  end)

  local rules = {
    { "<+0530>-5:30", at(2050, 7, 1), 19800, math.huge },
    { "EST5EDT,M3.2.0,M11.1.0", at(2050, 7, 1), -14400, at(2050, 11, 6, 6) },
    { "NZST-12NZDT,M9.5.0,M4.1.0/3", at(2050, 1, 1), 46800, at(2050, 4, 2, 14) }, -- the south: summer over New Year
    { "IST-1GMT0,M10.5.0,M3.5.0/1", at(2050, 1, 1), 0, at(2050, 3, 27, 1) }, -- summer is the standard there
    { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", at(2050, 7, 1), -3600, at(2050, 10, 30, 1) }, -- a time before midnight
    { "AAA0BBB-2,J60/0,J300/0", at(2052, 3, 1), 7200, at(2052, 10, 26, 22) }, -- J never counts 29 February
    { "AAA0BBB-2,59/0,300/0", at(2052, 2, 29), 7200, at(2052, 10, 26, 22) }, -- the bare number does
    { "XXX3EDT4,0/0,J365/23", at(2050, 7, 1), -14400, at(2051, 1, 1, 3) }, -- summer all year round
    { "WAT-1:30:15", at(2050, 7, 1), 5415, math.huge },
  }
  for _, case in ipairs(rules) do
    it("reads the rule " .. case[1], function()
      local zone = zone_of { kinds = { 0 }, footer = case[1] }
      assert.same({ case[3], case[4] }, { zone:offset(case[2]) })
    end)
  end

  it("is refused when it is not what it should be", function()
    local good = tzif { changes = { { 0, 0 } }, kinds = { 3600 }, footer = "CET-1" }
    local function refused(data, word)
      local zone, message = timezone.parse(data)
      assert.is_nil(zone)
      assert.matches(word, message)
    end
    refused("", "not a time zone file")
    refused("TZif", "not a time zone file")
    refused((good:gsub("2", "\0", 1)), "32%-bit")
    for n = 45, #good - 1 do refused(good:sub(1, n), "cut short") end
    refused(tzif { leap = 1 }, "leap seconds")
    refused(tzif { changes = { { 0, 1 } }, kinds = { 0 } }, "damaged")
    for _, rule in ipairs { "C", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
      "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J9", "CET-1CEST,1,366", "<CET-1" } do
      refused(tzif { footer = rule }, "rule that cannot be read")
    end
  end)

  it("finds the first moment at which clocks show a time", function()
    local zone = zone_of { kinds = { 3600 }, footer = "CET-1CEST,M3.5.0,M10.5.0/3" }
    assert.equal(at(2026, 3, 29, 0, 59), zone:moment(at(2026, 3, 29, 1, 59)))
    assert.equal(at(2026, 3, 29, 1), zone:moment(at(2026, 3, 29, 2, 30))) -- jumped over: the end of the gap
    assert.equal(at(2026, 3, 29, 1), zone:moment(at(2026, 3, 29, 3)))
    assert.equal(at(2026, 10, 25, 0, 30), zone:moment(at(2026, 10, 25, 2, 30))) -- comes twice: the first
    assert.equal(at(2026, 10, 25, 2), zone:moment(at(2026, 10, 25, 3)))
  end)
end)

describe("a zone by name", function()
  it("is read from the system's files", function()
    local facts = {
      { "Europe/Oslo", at(2026, 1, 15), 3600 }, { "Europe/Oslo", at(2090, 7, 15), 7200 },
      { "America/New_York", at(2007, 3, 11, 7), -14400 }, { "America/New_York", at(2006, 3, 12, 7), -18000 },
      { "Asia/Kolkata", at(2026, 1, 1), 19800 }, { "Australia/Lord_Howe", at(2026, 1, 1), 39600 },
      { "Pacific/Apia", at(2011, 12, 30, 9), -36000 }, { "Pacific/Apia", at(2011, 12, 30, 10), 50400 },
      { "America/Argentina/Buenos_Aires", at(2026, 7, 1), -10800 }, { "Etc/GMT+5", 0, -18000 },
    }
    for _, fact in ipairs(facts) do
      local zone = assert(timezone.load(fact[1]))
      assert.equal(fact[3], (zone:offset(fact[2])), fact[1])
    end
  end)

  it("is refused when it is no IANA name or not there", function()
    for _, name in ipairs { "", "utc", "../UTC", "Europe/../UTC", "/etc/passwd", "Europe//Oslo", "right/UTC", 7 } do
      local zone, message = timezone.load(name)
      assert.is_nil(zone)
      assert.matches("IANA name", message)
    end
    assert.matches("unknown time zone Mars/Base", select(2, timezone.load "Mars/Base"))
    assert.is_nil(timezone.load "Europe") -- a folder
  end)

  -- TZDIR is read from the environment, which plain Lua cannot change: a child has its own.
  local function in_child(folder, name)
    local child = assert(io.popen(("TZDIR='%s' LUA_PATH='%s' lua5.4 -e '%s' 2>&1"):format(folder, package.path, [[
      local zone, message = require("cdfworkflow.simulator.lib.timezone").load("]] .. name .. [[")
      print(zone and zone:offset(0) or message)]])))
    local line = child:read("*l")
    child:close()
    return line
  end

  it("comes from TZDIR when that is set, and UTC from nowhere", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    local file = assert(io.open(folder .. "/Here", "wb"))
    file:write(tzif { footer = "HRE-2" })
    file:close()
    assert.equal("7200", in_child(folder, "Here"))
    assert.equal("0", in_child(folder, "UTC"))
    assert.matches("^unknown time zone Europe/Oslo", in_child(folder, "Europe/Oslo"))
    os.remove(folder .. "/Here")
    os.remove(folder)
  end)
end)
