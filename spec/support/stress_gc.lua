-- SPDX-License-Identifier: Apache-2.0
-- Loaded through LUA_INIT, before any program: each cycle of the collector is one step that stops the world. A cycle
-- begins when the heap has reached GC_PAUSE percent of what the last one left: 0 is at nearly every allocation, so that
-- what a C function has not anchored is gone at once. watched.sh runs specs so.

local pause = tonumber(os.getenv "GC_PAUSE")

collectgarbage("setpause", pause)
collectgarbage("setstepmul", 1000000)
if _VERSION == "Lua 5.4" then collectgarbage("incremental", pause, 1000, 30) end
