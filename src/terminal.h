/* SPDX-License-Identifier: Apache-2.0
 * The standard streams: whether they are there, and whether they are terminals, and how large. */
#ifndef CDFW_TERMINAL_H
#define CDFW_TERMINAL_H

#include "compat.h"

/* For Lua: see terminal.c. */
int cdfw_terminal_hold(lua_State *L);
int cdfw_terminal_size(lua_State *L);

#endif
