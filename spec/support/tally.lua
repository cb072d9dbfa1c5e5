-- SPDX-License-Identifier: Apache-2.0
-- Busted output handler: -Xoutput names the file for "passed failed skipped" and the failures, and the file for
-- the name of the test under way. Not standard output: what specs and their children print may end up there.

-- A sanitizer's library is for this process, not for the programs that specs start.
if os.getenv "LD_PRELOAD" then
  require("luv").os_unsetenv "LD_PRELOAD"
end

local function describe(failure)
  local message = type(failure.message) == "string" and failure.message or require("pl.pretty").write(failure.message)
  return "not ok: " .. failure.name .. "\n  " .. message:gsub("\n", "\n  ") .. "\n"
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()

  local current = assert(io.open(options.arguments[2], "w"))
  function handler.testStart(element)
    current:write(handler.getFullName(element), "\n")
    current:flush()
    return nil, true
  end

  function handler.suiteEnd()
    local file = assert(io.open(options.arguments[1], "w"))
    local failed = #handler.failures + #handler.errors
    file:write(#handler.successes, " ", failed, " ", #handler.pendings, "\n")
    for _, list in ipairs { handler.failures, handler.errors } do
      for _, failure in ipairs(list) do
        file:write(describe(failure))
      end
    end
    assert(file:close())
    return nil, true
  end

  busted.subscribe({ "test", "start" }, handler.testStart)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
