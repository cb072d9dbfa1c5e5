/* SPDX-License-Identifier: Apache-2.0
 * Signals that are noted and looked at later; see interrupt.h. The handler touches two numbers and
 * nothing else. */
#define _POSIX_C_SOURCE 200809L
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const int handled[] = {SIGINT, SIGTERM};

enum { HANDLED = sizeof handled / sizeof *handled };

static volatile sig_atomic_t noted; /* the first that came; 0: none did */
static volatile sig_atomic_t count; /* how often one came */

static void note(int signal) {
  if (noted == 0) noted = signal;
  count = count + 1;
}

/* core.handle_signals("note" | "end"). SIGINT and SIGTERM are noted from now on, for
   core.noted_signal to tell, or end the process as they do by nature; either way also where they
   were ignored, as a shell has SIGINT for its background jobs. Reads and writes go on after a
   signal, waits for the network end at once. */
int cdfw_interrupt_handle(lua_State *L) {
  static const char *const ways[] = {"note", "end", NULL};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigfillset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  action.sa_handler = luaL_checkoption(L, 1, NULL, ways) == 0 ? note : SIG_DFL;
  for (int i = 0; i < HANDLED; i++)
    if (sigaction(handled[i], &action, NULL) != 0)
      return luaL_error(L, "a signal cannot be handled: %s", strerror(errno));
  return 0;
}

/* core.noted_signal() → "INT" or "TERM", the first that came, and how many came; or nil */
int cdfw_interrupt_noted(lua_State *L) {
  if (noted == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushstring(L, noted == SIGINT ? "INT" : "TERM");
  lua_pushinteger(L, (lua_Integer)count);
  return 2;
}
