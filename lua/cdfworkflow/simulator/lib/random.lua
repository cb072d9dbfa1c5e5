-- SPDX-License-Identifier: Apache-2.0
-- Everything that looks random here: ids, nonces, tokens. It all comes from one seed kept in plain data, so that a
-- simulator behaves the same on every run and on every Lua. Not for secrets.

local MODULUS = 2147483647 -- the «minimal standard» generator; its products stay exact in a double
local MULTIPLIER = 16807

local floor = math.floor

local random = {}

---@param seed integer
---@return integer # the first state of a generator
function random.start(seed)
  local state = seed % (MODULUS - 1) + 1
  for _ = 1, 4 do -- small seeds that differ by little begin alike
    state = state * MULTIPLIER % MODULUS
  end
  return state
end

---@param data { random: integer } holder of the generator's state
---@param digits integer
---@return string # lower-case hexadecimal digits
function random.hex(data, digits)
  local state, parts = data.random, {}
  for part = 1, math.ceil(digits / 7) do
    state = state * MULTIPLIER % MODULUS
    parts[part] = ("%07x"):format(floor(state / 8))
  end
  data.random = state
  return table.concat(parts):sub(1, digits)
end

local VARIANT = {}
for value = 0, 15 do
  VARIANT[("%x"):format(value)] = ("%x"):format(8 + value % 4)
end

---@param data { random: integer }
---@return string # a UUID of version 4
function random.uuid(data)
  local hex = random.hex(data, 32)
  return hex:sub(1, 8) .. "-" .. hex:sub(9, 12) .. "-4" .. hex:sub(14, 16) .. "-" .. VARIANT[hex:sub(17, 17)]
    .. hex:sub(18, 20) .. "-" .. hex:sub(21)
end

---@param data { random: integer }
---@return integer # an internal id between 2^52 and 2^53 - 1, as large as CDF's
function random.id(data)
  local high = data.random * MULTIPLIER % MODULUS
  local low = high * MULTIPLIER % MODULUS
  data.random = low
  return 4503599627370496 + floor(high / 32) * 67108864 + floor(low / 32)
end

return random
