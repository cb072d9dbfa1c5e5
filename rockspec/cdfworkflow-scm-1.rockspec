-- SPDX-License-Identifier: Apache-2.0
rockspec_format = "3.0"
package = "cdfworkflow"
version = "scm-1"
source = {
  -- The checkout itself (`luarocks make`, `luarocks pack`). The owner puts the public address here on release.
  url = ".",
}
description = {
  summary = "Start, follow and schedule data-workflow runs in Cognite Data Fusion",
  detailed = [[
    A C core on libcurl and a small Lua layer: one call starts a data-workflow run, from a plain script, from
    nginx/OpenResty, from HAProxy, from an event loop, or from a shell with the program cdfworkflow (which reads YAML
    where the rock lyaml is there). An embedded CDF to try it against comes with it (cdfworkflow-sim; serving it needs
    the rock http).]],
  license = "Apache-2.0",
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7.0",
}
external_dependencies = {
  CURL = { library = "curl" },
}
-- Not "builtin": that cannot link with `-z nodelete` (a resolver thread of libcurl may outlive lua_close), nor hide
-- the module's own symbols.
build = {
  type = "make",
  build_target = "rock",
  install_target = "rock-install",
  build_variables = {
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
  },
  install = {
    bin = {
      ["cdfworkflow"] = "lua/cdfworkflow/program/bin/cdfworkflow",
      ["cdfworkflow-sim"] = "lua/cdfworkflow/simulator/bin/cdfworkflow-sim",
    },
  },
}
