-- SPDX-License-Identifier: Apache-2.0
-- What the processes of one machine share where the host lends them no dictionary, or one that ends with it: a folder
-- with the `get`, `set` and `add` of nginx's shared dictionaries (ngx.shared.NAME). Each entry is a file; nothing is
-- synced, since what another start of the machine has left counts for nothing. Values are strings.

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"

---@class cdfworkflow.store.Folder
---@field private path string
---@field private entries userdata the folder, open
---@field private scan? userdata what has ended is looked for
---@field private sweep_at number
local Store = {}
Store.__index = Store
Store.__name = "cdfworkflow.store.Folder"

local store = {}

local MOST = 65536 -- bytes of an entry
local TRIES = 3000 -- to lock what others lock for microseconds, or for as long as it takes to have their turn again
local SWEEP, STEP, OLDEST = 600, 200, 1000 -- seconds between sweeps, entries a step, entries that one finds

--- What `core.now` counts from: one start of the machine.
local function boot()
  local file = io.open "/proc/sys/kernel/random/boot_id"
  local id = file and file:read "*l"
  if file then file:close() end
  return id or "boot"
end

--- A store in a folder, which is made where it is missing, for its owner only. The folder is opened here, so that it is
--- found after a chroot, too.
---@param path string
---@return cdfworkflow.store.Folder|nil store
---@return cdfworkflow.Error? err kind "invalid": the folder cannot be used
local function new(path)
  local entries, message = core.folder(path)
  for _, name in ipairs { "memory", boot() } do
    if entries then entries, message = entries:folder(name) end
  end
  if entries then return setmetatable({ path = path, entries = entries, sweep_at = 0 }, Store) end
  return check.invalid("path", ("the folder %s cannot be used: %s"):format(path, tostring(message)),
    "a folder that can be written to")
end

store.new = method.fn("cdfworkflow.store.folder.new", { { "path", check.string, required = true } }, new)

function Store:__tostring() return "cdfworkflow.store.Folder: " .. self.path end

-- {==== Files ====

local function trouble(self, message) return ("the folder %s: %s"):format(self.path, tostring(message)) end

--- The file of a name, locked; false where there is none and none is to be made; nil and why.
local function lock(self, name, create)
  for _ = 1, TRIES do
    local file, message = self.entries:lock(name, create, false)
    if file then return file end
    if file == nil then return nil, trouble(self, message) end
    if not create then
      local size, problem = self.entries:size(name)
      if size == nil then return nil, trouble(self, problem) end
      if size == false then return false end
    end
  end
  return nil, trouble(self, "another process holds an entry, and does not let it go")
end

--- Runs a function on a locked file. → what it gives
local function with_file(self, key, create, fn)
  local name = core.sha256(key)
  local file, message = lock(self, name, create)
  if not file then return file, message end
  local a, b = fn(file, name)
  file:close()
  return a, b
end

--- What a file says, if it has not ended. Behind the value may be the rest of a longer one, whose place it was about to
--- take when its process was killed.
local function value_of(file)
  local text, message = file:read(MOST)
  if not text then return nil, message end
  local ends, length, value = text:match "^(%S+) (%d+) (.*)$"
  if not ends or ends ~= "-" and tonumber(ends) <= core.now() then return false end
  return value:sub(1, tonumber(length))
end

local function write(file, value, seconds)
  local ends = seconds and seconds > 0 and ("%.3f"):format(core.now() + seconds) or "-"
  return file:rewrite(ends .. " " .. #value .. " " .. value) -- format would end at a NUL on 5.1
end

-- }====

-- {==== What has ended makes room ====

local function drop_if_ended(self, name)
  local file = self.entries:lock(name, false, false)
  if not file then return end
  if value_of(file) == false then self.entries:remove(name) end
  file:close()
end

--- A few entries at a time, so that nobody waits.
local function sweep(self)
  if not self.scan then
    if core.now() < self.sweep_at then return end
    self.sweep_at = core.now() + SWEEP
    self.scan = self.entries:scan(OLDEST)
  end
  if not self.scan or self.scan:step(STEP) then return end
  local names = self.scan:result()
  self.scan = nil
  for _, name in ipairs(names) do drop_if_ended(self, name) end
end

-- }====

--- What is kept under the key.
---@param key string
---@return string|nil value nil where there is none, or where that cannot be known
---@return string? message why it cannot be known
function Store:get(key)
  local value, message = with_file(self, key, false, value_of)
  if value then return value end
  return nil, message
end

--- Keeps a value, in place of another; nil removes it.
---@param key string
---@param value string|nil
---@param seconds? number after which it is forgotten; never unless told
---@return true|nil done
---@return string? message
function Store:set(key, value, seconds)
  sweep(self)
  local done, message = with_file(self, key, value ~= nil, function(file, name)
    if value == nil then return self.entries:remove(name) end
    return write(file, value, seconds)
  end)
  if done == nil then return nil, trouble(self, message) end
  return true
end

--- Keeps a value where there is none: of several who try at the same moment, one succeeds.
---@param key string
---@param value string
---@param seconds? number after which it is forgotten; never unless told
---@return boolean added
---@return string? why "exists", or a message why it could not be done
function Store:add(key, value, seconds)
  local added, message = with_file(self, key, true, function(file)
    local known, problem = value_of(file)
    if known == nil then return nil, problem end
    if known then return false end
    return write(file, value, seconds)
  end)
  if added then return true end
  return false, added == false and "exists" or trouble(self, message)
end

return store
