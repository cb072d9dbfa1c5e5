/* SPDX-License-Identifier: Apache-2.0
 * encode and decode for Lua programs; see json.h. */
#include "json.h"

#include "message.h"
#include "object.h"

int cdfw_json_encode(lua_State *L) {
  luaL_checkany(L, 1);
  const char *name = luaL_optstring(L, 2, "value");
  lua_settop(L, 2);
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  if (!cdfw_json_write(L, 1, name, out)) {
    int path = lua_gettop(L) - 2;
    lua_pushnil(L);
    lua_insert(L, path);
    lua_insert(L, path + 1);
    return 4;
  }
  lua_pushlstring(L, cdfw_buffer_text(out), out->length);
  /* Freed now rather than at collection: such a buffer can be large. */
  cdfw_buffer_free(out);
  return 1;
}

int cdfw_json_decode(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_settop(L, 1);
  if (cdfw_json_read(L, text, length, 0)) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}
