-- SPDX-License-Identifier: Apache-2.0
rockspec_format = "3.0"

-- The public address of the repository: here and nowhere else. There is none yet; `make rockspec ADDRESS=https://…` makes
-- the rockspec of a release that bears it, and with it a homepage and a place for issues.
local address = nil

package = "cdfworkflow"
version = "scm-1"
source = {
  -- `luarocks make` takes the folder that it is started in. What wants an address (`luarocks pack`) says that it cannot find this:
  url = address and "git+" .. address or "no address yet: `make rockspec ADDRESS=https:...` makes a rockspec that has one",
  tag = address and "v" .. version:gsub("%-%d+$", "") or nil,
}
description = {
  summary = "Start, follow and schedule data-workflow runs in Cognite Data Fusion",
  detailed = [[
    A C core on libcurl and a small Lua layer: one call starts a data-workflow run, from a plain script, from
    nginx/OpenResty, from HAProxy, from an event loop, or from a shell with the program cdfworkflow (which reads YAML
    where the rock lyaml is there, and signs in with a certificate where luaossl is). An embedded CDF to try it against comes with it (cdfworkflow-sim; serving it needs
    the rock http).]],
  license = "Apache-2.0",
  homepage = address,
  issues_url = address and address .. "/issues",
  labels = { "cognite", "workflow", "http", "nginx", "haproxy", "cli" },
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua ~= 5.2", -- its coroutines do not tell whether they can wait
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7.0",
}
external_dependencies = {
  CURL = { library = "curl" },
}
-- Not "builtin": that cannot hide the module's own symbols.
build = {
  type = "make",
  build_target = "rock",
  install_target = "rock-install",
  build_variables = {
    LUA = "$(LUA)",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CURL_INCDIR = "$(CURL_INCDIR)",
    CURL_LIBDIR = "$(CURL_LIBDIR)",
  },
  install_variables = {
    LUA = "$(LUA)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
    BINDIR = "$(BINDIR)",
    SCRIPTS_DIR = "$(SCRIPTS_DIR)",
  },
}
test = {
  type = "command",
  command = "make test",
}
