-- SPDX-License-Identifier: Apache-2.0
-- For specs: a real browser, told step by step what to do (browser.mjs). A step that cannot be done within fifteen
-- seconds raises at the spec's own line. The browser ends when the spec says so, and when the spec's process ends.

local core = require "cdfworkflow.core"

local browser = {}

---@class spec.Browser
local Browser = {}
Browser.__index = Browser

local ROOT = debug.getinfo(1, "S").source:match("^@(.*)spec/support/browser%.lua$")
if ROOT == "" then ROOT = "./" end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function find_chromium()
  local pipe = assert(io.popen("command -v chromium || command -v chromium-browser || command -v google-chrome"))
  local path = pipe:read "*l"
  pipe:close()
  return path or error("Chromium is not here (Debian: apt-get install chromium)", 0)
end

--- Starts a browser, without what watches the spec's own process.
---@return spec.Browser
function browser.start()
  local pipe = os.tmpname()
  os.remove(pipe)
  os.execute("mkfifo -m 600 " .. quote(pipe))
  local command = ("LD_PRELOAD= CHROMIUM=%s exec node %s %s"):format(quote(find_chromium()),
    quote(ROOT .. "spec/support/browser.mjs"), quote(pipe))
  local input = assert(io.popen(command, "w"))
  local output = assert(io.open(pipe, "r"))
  os.remove(pipe)
  input:setvbuf "line"
  return setmetatable({ input = input, output = output }, Browser)
end

-- `level` is that of the caller whose line is to be blamed.
local function ask(self, name, step, level)
  local said = { step = name }
  for member, value in pairs(step or {}) do said[member] = value end
  self.input:write(assert(core.encode(said)), "\n")
  local line = self.output:read "*l"
  if not line then error("the browser has ended", level) end
  local answer = core.decode(line)
  if answer.problem then error(name .. ": " .. answer.problem, level) end
  if answer.value == core.null then return nil end
  return answer.value
end

for _, name in ipairs { "look", "go", "click", "type", "choose", "see", "miss", "read", "value", "evaluate", "url",
  "complaints", "shoot" } do
  --- Where a step names an element, it does so by `role` and `name`, by `text`, by `label` or by `css`.
  Browser[name] = function(self, step)
    return (ask(self, name, step, 3))
  end
end

--- Ends the browser and waits for it.
function Browser:stop()
  self.input:close()
  self.output:close()
end

return browser
