/* SPDX-License-Identifier: Apache-2.0
 * Which tables are JSON arrays, null, and text that is written as it is; see json_values.h. */
#include "json_values.h"

#include <string.h>

#include "object.h"

/* Their addresses are the registry's keys: our mark, and that of lua-cjson where it has one. */
static const char array_metatable, cjson_metatable;
static const char raw_class[] = "cdfworkflow.json";

/* {==== Arrays ==== */

void cdfw_json_adopt_mark(lua_State *L, int cjson) {
  int top = lua_gettop(L);
  lua_pushvalue(L, cjson);
  if (lua_istable(L, -1)) lua_getfield(L, -1, "array_mt");
  if (lua_gettop(L) == top + 2 && lua_istable(L, -1)) {
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__jsontype");
    cdfw_rawsetp(L, LUA_REGISTRYINDEX, &cjson_metatable);
  }
  lua_settop(L, top);
}

/* lua-cjson knows arrays by one metatable only, so that one is taken where there is one. */
void cdfw_json_mark_array(lua_State *L, int index) {
  int table = cdfw_absindex(L, index);
  cdfw_rawgetp(L, LUA_REGISTRYINDEX, &cjson_metatable);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    cdfw_rawgetp(L, LUA_REGISTRYINDEX, &array_metatable);
  }
  lua_setmetatable(L, table);
}

/* Whether the metatable on the top is the registry's at that key. [-0, +0] */
static bool is_kept_at(lua_State *L, const char *key) {
  cdfw_rawgetp(L, LUA_REGISTRYINDEX, key);
  bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 1);
  return same;
}

bool cdfw_json_is_cjson_field(lua_State *L, int index, const char *field) {
  int value = cdfw_absindex(L, index);
  int top = lua_gettop(L);
  bool same = false;
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_pushliteral(L, "cjson");
  lua_rawget(L, -2);
  if (lua_istable(L, -1)) {
    lua_pushstring(L, field);
    lua_rawget(L, -2);
    same = lua_rawequal(L, -1, value) != 0;
  }
  lua_settop(L, top);
  return same;
}

cdfw_json_mark cdfw_json_mark_of(lua_State *L, int index) {
  cdfw_json_mark mark = CDFW_JSON_UNMARKED;
  if (!lua_getmetatable(L, index)) return mark;
  if (is_kept_at(L, &array_metatable) || is_kept_at(L, &cjson_metatable) ||
      cdfw_json_is_cjson_field(L, -1, "array_mt"))
    mark = CDFW_JSON_ARRAY;
  else if (cdfw_json_is_cjson_field(L, -1, "empty_array_mt"))
    mark = CDFW_JSON_ARRAY_IF_EMPTY;
  lua_pop(L, 1);
  return mark;
}

bool cdfw_json_is_sequence(lua_State *L, int index, size_t *n) {
  int table = cdfw_absindex(L, index);
  size_t length = cdfw_rawlen(L, table), count = 0;
  *n = length;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_Number key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    lua_pop(L, 1);
    /* Whole keys from 1 to length, as many as length: none is missing. */
    if (!(key >= 1 && key <= (lua_Number)length && key == (lua_Number)(size_t)key)) {
      lua_pop(L, 1);
      return false;
    }
    count++;
  }
  return count == length && length > 0;
}

/* }==== */

/* {==== Texts ==== */

static bool is_plain(unsigned char c) {
  return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* How many bytes come before the first that is marked by its top bit; 0 where that is not known. */
static size_t unmarked(uint64_t marks) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (size_t)__builtin_ctzll(marks) / 8;
#else
  (void)marks;
  return 0;
#endif
}

size_t cdfw_json_count_plain(const char *text, size_t length) {
  static const uint64_t each = 0x0101010101010101u, tops = 0x8080808080808080u;
  size_t i = 0;
  /* Eight bytes at a time while that goes. */
  for (; length - i >= 8; i += 8) {
    uint64_t eight;
    memcpy(&eight, text + i, sizeof eight);
    /* A byte's top bit comes up where it was, or where the subtraction went below zero; what that
       borrows can only mark bytes behind. */
    uint64_t control = eight - each * ' ';
    uint64_t quote = (eight ^ each * '"') - each, backslash = (eight ^ each * '\\') - each;
    uint64_t marks = (eight | control | quote | backslash) & tops;
    if (marks == 0) continue;
    i += unmarked(marks);
    break;
  }
  while (i < length && is_plain((unsigned char)text[i]))
    i++;
  return i;
}

size_t cdfw_json_count_wide(const char *text, size_t length) {
  size_t i = 0;
  while (i < length && (unsigned char)text[i] >= 0x80)
    i++;
  return i;
}

/* }==== */

/* {==== Text that is written as it is ==== */

enum { RAW_TEXT = 1, RAW_PROBLEM = 2 };

bool cdfw_json_test_raw(lua_State *L, int index) {
  return cdfw_testudata(L, index, raw_class) != NULL;
}

void cdfw_json_push_raw(lua_State *L, int index) {
  cdfw_getuservalue(L, index);
  lua_rawgeti(L, -1, RAW_TEXT);
  lua_rawgeti(L, -2, RAW_PROBLEM);
  lua_remove(L, -3);
}

/* The caller has looked at the text: `problem` says what keeps it from being JSON. The writer
   tells, with the path, so that a text that is none is never taken for a value that was left out.
 */
int cdfw_json_raw(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 2);
  cdfw_object_push(L, 1, raw_class);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, RAW_TEXT);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, RAW_PROBLEM);
  cdfw_setuservalue(L, -2);
  return 1;
}

int cdfw_json_is_raw(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, cdfw_json_test_raw(L, 1));
  return 1;
}

static int raw_tostring(lua_State *L) {
  cdfw_checkudata(L, 1, raw_class);
  cdfw_json_push_raw(L, 1);
  lua_pop(L, 1);
  return 1;
}

static const luaL_Reg raw_methods[] = {{"__tostring", raw_tostring}, {NULL, NULL}};

/* }==== */

/* {==== Lua functions ==== */

void cdfw_json_push_null(lua_State *L) {
  lua_pushlightuserdata(L, NULL);
}

int cdfw_json_array(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (cdfw_json_mark_of(L, 1) == CDFW_JSON_ARRAY) return 1;
  if (lua_getmetatable(L, 1) && !cdfw_json_is_cjson_field(L, -1, "empty_array_mt"))
    return luaL_argerror(L, 1, "this table has a metatable of its own");
  cdfw_json_mark_array(L, 1);
  lua_settop(L, 1);
  return 1;
}

int cdfw_json_is_array(lua_State *L) {
  size_t n;
  luaL_checkany(L, 1);
  lua_pushboolean(L, lua_istable(L, 1) && (cdfw_json_mark_of(L, 1) == CDFW_JSON_ARRAY ||
                                           cdfw_json_is_sequence(L, 1, &n)));
  return 1;
}

/* }==== */

void cdfw_json_open(lua_State *L) {
  lua_newtable(L);
  lua_pushliteral(L, "cdfworkflow.array");
  lua_setfield(L, -2, "__name");
  /* Other JSON libraries for Lua look for this one. */
  lua_pushliteral(L, "array");
  lua_setfield(L, -2, "__jsontype");
  cdfw_rawsetp(L, LUA_REGISTRYINDEX, &array_metatable);
  cdfw_object_class(L, raw_class, raw_methods);
}
