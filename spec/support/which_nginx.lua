-- SPDX-License-Identifier: Apache-2.0
-- Which nginx specs start, and what it must load to speak Lua. Debian's has the Lua module as a file of its own,
-- OpenResty's has it built in: `NGINX=/usr/local/openresty/nginx/sbin/nginx make test SPECS=…` tries that one.

local shell = require "shell"

local which_nginx = {}

--- What a shell starts it by. It must not see the variable itself, which to nginx names sockets that it inherits; and
--- what goes wrong before it has read where to say so is said on standard error.
which_nginx.command = ('env -u NGINX PATH="$PATH:/usr/sbin" %s -e stderr'):format(
  shell.quote(os.getenv "NGINX" or "nginx"))

local described = shell.run(which_nginx.command .. " -V 2>&1")

---@type boolean
which_nginx.has_lua = described:find("ngx_lua", 1, true) ~= nil or described:find("lua-nginx-module", 1, true) ~= nil

local FOLDER = described:match "%-%-modules%-path=(%S+)" or "/usr/lib/nginx/modules"

--- The `load_module` directives at the head of a configuration, or "" where nothing is to be loaded.
which_nginx.modules = which_nginx.has_lua and "" or ([[
load_module %s/ndk_http_module.so;
load_module %s/ngx_http_lua_module.so;
]]):format(FOLDER, FOLDER)

--- A configuration that is written for Debian, for this nginx.
---@param configuration string
---@return string
function which_nginx.fit(configuration)
  if not which_nginx.has_lua then return configuration end
  return (("\n" .. configuration):gsub("\n%s*load_module [^\n]*", ""):sub(2))
end

return which_nginx
