/* SPDX-License-Identifier: Apache-2.0
 * What Lua cannot ask of a terminal; see terminal.h. */
#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* core.terminal(descriptor) → columns, rows of the terminal behind it, 0 where it does not say; nil
   when it is none */
int cdfw_terminal_size(lua_State *L) {
  lua_Integer descriptor = luaL_checkinteger(L, 1);
  struct winsize size = {0, 0, 0, 0};
  luaL_argcheck(L, descriptor >= 0 && descriptor <= 2, 1, "0, 1 or 2 expected");
  if (isatty((int)descriptor) == 0) {
    lua_pushnil(L);
    return 1;
  }
  if (ioctl((int)descriptor, TIOCGWINSZ, &size) != 0) size.ws_col = size.ws_row = 0;
  lua_pushinteger(L, (lua_Integer)size.ws_col);
  lua_pushinteger(L, (lua_Integer)size.ws_row);
  return 2;
}
