-- SPDX-License-Identifier: Apache-2.0
-- require "cdfworkflow", and every other module of lua/: no global added, nothing opened, started or read.

local shell = require "shell"

local function modules()
  local names = {}
  for path in shell.run("find lua -name '*.lua' | sort"):gmatch "lua/([^\n]*)%.lua" do
    names[#names + 1] = path:gsub("/init$", ""):gsub("/", ".")
  end
  return names
end

-- Loads one module in a fresh state while every function that opens or starts something raises, then looks around.
local probe = [[
local lfs = require "lfs"
local function open_descriptors_and_threads()
  local count = 0
  for _, folder in ipairs { "/proc/self/fd", "/proc/self/task" } do
    for _ in lfs.dir(folder) do count = count + 1 end
  end
  return count
end

local before, globals, kept = open_descriptors_and_threads(), {}, {}
for name in pairs(_G) do globals[name] = true end
for _, name in ipairs { "io.open", "io.popen", "io.lines", "io.input", "io.output", "io.tmpfile", "os.execute",
  "os.remove", "os.rename", "os.tmpname", "os.getenv" } do
  local library, key = name:match "(%w+)%.(%w+)"
  kept[name] = _G[library][key]
  _G[library][key] = function() error(name .. " called by require", 2) end
end

local module = require "MODULE"

for name, original in pairs(kept) do
  local library, key = name:match "(%w+)%.(%w+)"
  _G[library][key] = original
end
assert(module ~= true, "a module returns something")
assert(open_descriptors_and_threads() == before, "a descriptor or a thread is left")
for name in pairs(_G) do assert(globals[name], "new global " .. name) end
]]

describe("require", function()
  for _, name in ipairs(modules()) do
    it("of " .. name .. " adds no global and does no I/O", function()
      local output, status = shell.run_lua((probe:gsub("MODULE", name)))
      assert.equal("", output)
      assert.equal(0, status)
    end)
  end
end)
