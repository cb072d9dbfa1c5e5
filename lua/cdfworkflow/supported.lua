-- SPDX-License-Identifier: Apache-2.0
-- What this library stands on is there, or `require` says in one sentence what is missing. Lua 5.2 is refused: its
-- coroutines do not tell whether they can wait, so it would be taken for 5.1, and misbehave. (The core, which is not
-- built for it, is looked for later.)

if _VERSION == "Lua 5.2" then
  error("cdfworkflow does not run on Lua 5.2, whose coroutines do not tell whether they can wait: "
    .. "use 5.1, LuaJIT, 5.3, 5.4 or 5.5", 0)
end

local found, reason = pcall(require, "cjson")
if not found then
  error(("lua-cjson is needed: install the rock `lua-cjson`, or Debian's lua-cjson (%s)")
    :format(tostring(reason):match "[^\n]*":gsub(":$", "")), 0)
end

return {}
