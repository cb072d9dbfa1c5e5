# SPDX-License-Identifier: Apache-2.0
# To be sourced: where Lua finds this checkout. `use_lua 5.4` (or 5.3, 5.1, luajit), at the top of the checkout.

use_lua() { # lua
  local here=$PWD
  case $1 in luajit) LUA=luajit ;; *) LUA=lua$1 ;; esac
  LUA_PATH="$here/lua/?.lua;$here/lua/?/init.lua;$here/spec/support/?.lua;$here/spec/?.lua;;"
  # Debian has lua-http for 5.4 in these folders only; they come last, for what is nowhere else.
  if [ "$1" = 5.4 ]; then LUA_PATH="$LUA_PATH/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua"; fi
  LUA_CPATH="$here/${BUILD:-build}/$1/?.so;;"
  export LUA LUA_PATH LUA_CPATH
  unset LUA_INIT "${!LUA_INIT_@}" "${!LUA_PATH_@}" "${!LUA_CPATH_@}"
}
