-- SPDX-License-Identifier: Apache-2.0
-- The library runs on Lua 5.1, LuaJIT, 5.3 and 5.4 unchanged; a host's globals are known only where it is served.
std = "max"
max_line_length = 120
exclude_files = { "**/node_modules" }
files["spec"] = { std = "max+busted" }
files["lua/**/nginx.lua"] = { std = "max+ngx_lua" }
files["lua/**/haproxy.lua"] = { read_globals = { "core" } }
files["spec/examples/**/*nginx*"] = { std = "max+busted+ngx_lua" }
files["spec/examples/**/*haproxy*"] = { read_globals = { "core" } }
files["spec/bench/cosocket.lua"] = { std = "max+ngx_lua" }
