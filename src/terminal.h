/* SPDX-License-Identifier: Apache-2.0
 * Whether a descriptor is a terminal, and how large it is. */
#ifndef CDFW_TERMINAL_H
#define CDFW_TERMINAL_H

#include "compat.h"

/* For Lua: see terminal.c. */
int cdfw_terminal_size(lua_State *L);

#endif
