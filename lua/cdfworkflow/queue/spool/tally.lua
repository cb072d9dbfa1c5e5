-- SPDX-License-Identifier: Apache-2.0
-- How many deliveries a spool holds, and how many bytes, in a file that all processes share: so that neither putting
-- nor asking takes longer when there are many. After a crash it may be off; who counts the files puts it right, unless
-- something has changed meanwhile.

local tally = {}

local NAME, MOST = "tally", 200

local function parse(text)
  local waiting, refused, bytes, changes = text:match "^ *(%d+) +(%d+) +(%d+) +(%d+)\n$"
  return {
    waiting = tonumber(waiting) or 0, refused = tonumber(refused) or 0, bytes = tonumber(bytes) or 0,
    changes = tonumber(changes) or 0,
  }
end

--- Always as long, so that it can be written over what was there.
local function format(count)
  return ("%16.0f %16.0f %16.0f %16.0f\n"):format(math.max(count.waiting, 0), math.max(count.refused, 0),
    math.max(count.bytes, 0), count.changes)
end

--- What is there, changed by `fn`, which says whether to keep it.
---@param root userdata the spool's folder
---@param fn fun(count: table): boolean?
---@return table|nil count
---@return string? message
local function change(root, fn)
  local file, message = root:lock(NAME, true, true)
  if not file then return nil, message end
  local text
  text, message = file:read(MOST)
  local count = text and parse(text)
  if count and fn(count) then
    local kept
    kept, message = file:rewrite(format(count))
    count = kept and count
  end
  file:close()
  return count or nil, message
end

--- The numbers as they are.
---@param root userdata
---@return table|nil count
---@return string? message
function tally.read(root)
  local text, message = root:read(NAME, MOST)
  if text == nil then return nil, message end
  return parse(text or "")
end

--- Adds to them, unless `fits` says no of what they would be.
---@param root userdata
---@param changes { waiting?: integer, refused?: integer, bytes?: integer }
---@param fits? fun(count: table): boolean
---@return boolean|nil done
---@return string? message
function tally.add(root, changes, fits)
  local done = true
  local count, message = change(root, function(count)
    for name, by in pairs(changes) do count[name] = count[name] + by end
    count.changes = count.changes + 1
    done = not fits or fits(count)
    return done
  end)
  if not count then return nil, message end
  return done
end

--- Puts in their place what has been counted, unless something has changed since `changes`.
---@param root userdata
---@param counted { waiting: integer, refused: integer, bytes: integer }
---@param changes integer
---@return table|nil count
---@return string? message
function tally.correct(root, counted, changes)
  return change(root, function(count)
    local is_off = count.waiting ~= counted.waiting or count.refused ~= counted.refused or count.bytes ~= counted.bytes
    if count.changes ~= changes or not is_off then return false end
    count.waiting, count.refused, count.bytes = counted.waiting, counted.refused, counted.bytes
    return true
  end)
end

return tally
