/* SPDX-License-Identifier: Apache-2.0
 * Lua values to JSON text (our own writer) and back (lua-cjson, an instance of our own).
 * Knows nothing of CDF beyond the names of the members that hold a user's own data. */
#ifndef CDFW_JSON_H
#define CDFW_JSON_H

#include "json_read.h"
#include "json_values.h"
#include "json_write.h"

/* What Lua programs call: */
/* encode(value [, name]) -> text, or nil, message, path, rule */
int cdfw_json_encode(lua_State *L);
int cdfw_json_decode(lua_State *L); /* decode(text) -> value, or nil and a message */

#endif
