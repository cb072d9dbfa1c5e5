-- SPDX-License-Identifier: Apache-2.0
-- The library runs on Lua 5.1, LuaJIT, 5.3 and 5.4 unchanged; each host's globals are known only where it is served.
std = "max"
max_line_length = 120
exclude_files = { "**/node_modules" }
files["spec"] = { std = "max+busted" }
files["**/nginx*"] = { std = "max+ngx_lua" }
files["**/haproxy*"] = { std = "max", read_globals = { "core" } }
