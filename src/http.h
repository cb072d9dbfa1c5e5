/* SPDX-License-Identifier: Apache-2.0
 * `core.http`: HTTP requests from Lua, many at once, without ever having to block.
 * The engine behind it does the work; here it only gets its Lua face. */
#ifndef CDFW_HTTP_H
#define CDFW_HTTP_H

#include "compat.h"

/* Registers the class. [-0, +0] */
void cdfw_http_open(lua_State *L);
/* The Lua function core.http(options). */
int cdfw_http_new(lua_State *L);

#endif
