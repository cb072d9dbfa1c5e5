-- SPDX-License-Identifier: Apache-2.0
-- Lua functions that stand for the Cognite Functions of the examples, for `cdfworkflow-sim --load`.
-- Each gets its task's `data` and gives its response and how many seconds it takes on the simulator's clock.

local NO_VALUE = -999.25 -- what a historian writes for a value that it did not get

local measured = {
  pressure = { unit = "bar", values = { 6.1, 6.2, NO_VALUE, 6.0, 6.3, 41.7, 6.1, 6.2 } },
  temperature = { unit = "°C", values = { 71.5, 71.9, 72.4, 72.8, NO_VALUE, 73.1, 73.6, 74.0 } },
}

--- { sensors = { "pressure", … } } → { readings = { pressure = { unit, values }, … } }
local function read_sensors(data)
  local readings = {}
  for _, sensor in ipairs(data.sensors) do
    readings[sensor] = assert(measured[sensor], "there is no sensor " .. tostring(sensor))
  end
  return { readings = readings }, 0.8
end

--- { readings, limits = { pressure = { low, high }, … } } → { readings without the values beyond limits, dropped = n }
local function clean(data)
  local readings, dropped = {}, 0
  for sensor, reading in pairs(data.readings) do
    local low, high = data.limits[sensor][1], data.limits[sensor][2]
    local good = {}
    for _, value in ipairs(reading.values) do
      if value >= low and value <= high then good[#good + 1] = value else dropped = dropped + 1 end
    end
    readings[sensor] = { unit = reading.unit, values = good }
  end
  return { readings = readings, dropped = dropped }, 1.2
end

local function summary(sensor, reading)
  local sum, low, high = 0, math.huge, -math.huge
  for _, value in ipairs(reading.values) do
    sum, low, high = sum + value, math.min(low, value), math.max(high, value)
  end
  return ("%-12s %6.2f %s on average, %.1f to %.1f"):format(sensor, sum / #reading.values, reading.unit, low, high)
end

--- { title, cleaned = { what clean gave, … } } → { title, lines, dropped }
local function report(data)
  local lines, dropped = {}, 0
  for _, part in ipairs(data.cleaned) do
    dropped = dropped + part.dropped
    for sensor, reading in pairs(part.readings) do lines[#lines + 1] = summary(sensor, reading) end
  end
  table.sort(lines)
  return { title = data.title, lines = lines, dropped = dropped }, 0.4
end

return function(sim)
  sim:function_handler("fn-read-sensors", read_sensors)
  sim:function_handler("fn-clean", clean)
  sim:function_handler("fn-report", report)
end
