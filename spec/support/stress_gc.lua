-- SPDX-License-Identifier: Apache-2.0
-- Loaded through LUA_INIT, before any program: the collector stops the world for a whole cycle each time that it is
-- asked, which is at nearly every allocation, so that what a C function has not anchored is gone at once.
-- stress_gc.sh runs specs so.

collectgarbage("setpause", 0) -- a cycle begins when the last one has ended,
collectgarbage("setstepmul", 1000000) -- and is one step
if _VERSION == "Lua 5.4" then collectgarbage("incremental", 0, 1000, 30) end
