/* SPDX-License-Identifier: Apache-2.0
 * What Lua cannot ask of the standard streams; see terminal.h. */
#include "terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { STREAMS = 3 };

/* core.hold_streams(). What was started with standard input, output or error closed must not have a
   socket or a file in their place. They are opened in such a way that reading or writing fails, as
   it would have. */
int cdfw_terminal_hold(lua_State *L) {
  for (int descriptor = 0; descriptor < STREAMS; descriptor++) {
    if (fcntl(descriptor, F_GETFD) != -1) continue;
    /* The lowest that is free is this one. */
    if (open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor)
      return luaL_error(L, "a standard stream is closed, and cannot be replaced");
  }
  return 0;
}

/* core.terminal(descriptor) → columns, rows of the terminal behind it, 0 where it does not say; nil
   when it is none */
int cdfw_terminal_size(lua_State *L) {
  lua_Integer descriptor = luaL_checkinteger(L, 1);
  struct winsize size = {0, 0, 0, 0};
  luaL_argcheck(L, descriptor >= 0 && descriptor < STREAMS, 1, "0, 1 or 2 expected");
  if (isatty((int)descriptor) == 0) {
    lua_pushnil(L);
    return 1;
  }
  if (ioctl((int)descriptor, TIOCGWINSZ, &size) != 0) size.ws_col = size.ws_row = 0;
  lua_pushinteger(L, (lua_Integer)size.ws_col);
  lua_pushinteger(L, (lua_Integer)size.ws_row);
  return 2;
}
