-- SPDX-License-Identifier: Apache-2.0
-- Secrets that are easy to find again, and the search for them: in a value, or in all that a debug hook can reach.
-- No canary stands here as a whole, so that the search does not find itself.

local canary = {}

--- Finds every canary, also percent-encoded or as JSON, and not itself.
local PATTERN = "[C]ANARY%-%a+"

local function make(rest)
  return ("%s-%s"):format("CANARY", rest)
end

--- With what must be encoded in forms and in JSON.
function canary.secret() return make 'secret/+ "q" \\é' end

function canary.token() return make "token.x-y_z" end

function canary.nonce() return make "nonce" end

---@return string|nil # the canary in the text
function canary.in_text(text)
  return text:match(PATTERN)
end

-- {==== The search ====

local Walk = {}
Walk.__index = Walk

function Walk:found(text)
  self.finding = ("%s at %s"):format(text:match(PATTERN), table.concat(self.trail, " > "))
end

function Walk:step(name, value)
  local kind = type(value)
  if kind == "string" then
    if value:find(PATTERN) and not self.finding then
      self.trail[#self.trail + 1] = name
      self:found(value)
      self.trail[#self.trail] = nil
    end
    return
  end
  local visit = self[kind]
  if not visit or self.seen[value] then return end
  self.seen[value] = true
  self.trail[#self.trail + 1] = name
  visit(self, value)
  self.trail[#self.trail] = nil
end

function Walk:table(value)
  self:step("(metatable)", debug.getmetatable(value))
  for key, member in next, value do
    self:step("(key)", key)
    self:step(type(key) == "string" and key or type(key), member)
  end
end

Walk["function"] = function(self, value)
  if self.near then return end
  for i = 1, 255 do
    local name, held = debug.getupvalue(value, i)
    if not name then break end
    self:step("upvalue " .. name, held)
  end
  if self.everything and debug.getfenv then self:step("(environment)", debug.getfenv(value)) end
end

function Walk:userdata(value)
  self:step("(metatable)", debug.getmetatable(value))
  if debug.getuservalue then
    self:step("(user value)", (debug.getuservalue(value)))
  elseif self.everything then
    self:step("(environment)", debug.getfenv(value))
  end
end

--- Each function that runs, its locals, its arguments beyond the named ones, and what a C function has on its stack.
function Walk:stack(thread, level)
  while true do
    local info
    if thread then info = debug.getinfo(thread, level, "fS") else info = debug.getinfo(level, "fS") end
    if not info then return end
    self.trail[#self.trail + 1] = ("%s:%d"):format(info.short_src, info.linedefined)
    self:step("function", info.func)
    for direction = 1, -1, -2 do
      local i = direction
      repeat
        local name, value
        if thread then name, value = debug.getlocal(thread, level, i) else name, value = debug.getlocal(level, i) end
        if name then self:step(name, value) end
        i = i + direction
      until not name
    end
    self.trail[#self.trail] = nil
    level = level + 1
  end
end

function Walk:thread(value)
  self:stack(value, 0)
end

--- `how.everything`: also environments, which on Lua 5.1 lead everywhere. `how.near`: not through functions.
local function new_walk(how)
  return setmetatable({ seen = {}, trail = {}, everything = how.everything, near = how.near }, Walk)
end

--- Where a canary is in a value: tables with their keys and metatables, and what functions and userdata hold.
---@return string|nil
function canary.find(value)
  local walk = new_walk {}
  walk.seen[_G] = true
  walk:step("value", value)
  if walk.finding then return walk.finding end
  -- What the value says of itself.
  if type(value) == "table" or type(value) == "userdata" then
    local text = tostring(value)
    return text:find(PATTERN) and "tostring: " .. text:match(PATTERN) or nil
  end
end

--- How many events there are for one search of everything.
local SELDOM = 25

--- Runs a function under a hook that searches at each call, return and line: the stack with what C functions have on
--- theirs; and now and then everything: upvalues, globals, loaded modules, the registry, other coroutines.
---@return string[] findings
---@return integer events how often was searched
function canary.hooked(fn)
  local findings, events = {}, 0
  local function search()
    events = events + 1
    local seldom = events % SELDOM == 0
    local walk = new_walk { everything = seldom, near = not seldom }
    walk.seen[findings] = true
    walk:stack(nil, 3)
    if seldom then
      walk:step("registry", debug.getregistry())
      walk:step("globals", _G)
      walk:step("strings", debug.getmetatable "")
    end
    if walk.finding then findings[#findings + 1] = walk.finding end
  end
  debug.sethook(search, "crl")
  local ok, err = pcall(fn)
  debug.sethook()
  if not ok then error(err, 0) end
  return findings, events
end

-- }====

-- {==== Canaries from the simulator ====

local Transport = {}
Transport.__index = Transport

function Transport:now() return self.inner:now() end

function Transport:sleep(seconds) self.inner:sleep(seconds) end

local function strip(text)
  return text and (text:gsub("[C]ANARY%-%a+%.", "")) or nil
end

function Transport:http(request)
  local headers = {}
  for name, value in pairs(request.headers) do headers[name] = strip(value) end
  local answer = self.inner:http {
    method = request.method, url = request.url, headers = headers, body = strip(request.body),
    timeout = request.timeout,
  }
  if answer.body then
    answer.body = answer.body:gsub('"access_token":"', "%0" .. make "token."):gsub('"nonce":"', "%0" .. make "nonce.")
  end
  return answer
end

--- A transport to a simulator whose tokens and nonces are canaries.
function canary.transport(sim)
  return setmetatable({ inner = sim:transport() }, Transport)
end

-- }====

return canary
