/* SPDX-License-Identifier: Apache-2.0
 * What JSON has and Lua has not: arrays, null, text that is passed on as it is. Below the reader
 * and the writer, which are told apart from it by what they know of JSON's syntax. */
#ifndef CDFW_JSON_VALUES_H
#define CDFW_JSON_VALUES_H

#include <stdint.h>

#include "compat.h"

/* Pushes JSON's null: light userdata NULL, as in lua-cjson and nginx. [-0, +1] */
void cdfw_json_push_null(lua_State *L);
/* Takes the mark for arrays of the lua-cjson at `cjson` (OpenResty's, LuaRocks' from 2.1.0.6 on),
   so that the host's own lua-cjson writes what is marked from now on as we do; other JSON libraries
   look for its `__jsontype`. [-0, +0] */
void cdfw_json_adopt_mark(lua_State *L, int cjson);
/* Marks the table at `index` as an array. [-0, +0] */
void cdfw_json_mark_array(lua_State *L, int index);

/* Whether the value at `index` is JSON text that goes out byte for byte. [-0, +0] */
bool cdfw_json_test_raw(lua_State *L, int index);

/* Makes the metatable of arrays; called once by luaopen_. Loads nothing. [-0, +0] */
void cdfw_json_open(lua_State *L);

/* Pushes the text of what cdfw_json_test_raw has found, and what keeps it from being JSON, or nil.
   [-0, +2] */
void cdfw_json_push_raw(lua_State *L, int index);

typedef enum cdfw_json_mark {
  CDFW_JSON_UNMARKED,
  CDFW_JSON_ARRAY,         /* always an array */
  CDFW_JSON_ARRAY_IF_EMPTY /* lua-cjson's empty_array_mt: says something about empty tables only */
} cdfw_json_mark;

/* How the table at `index` is marked, by us or by lua-cjson. [-0, +0] */
cdfw_json_mark cdfw_json_mark_of(lua_State *L, int index);
/* Whether the keys of the table at `index` are exactly 1..n, n > 0; sets n. [-0, +0] */
bool cdfw_json_is_sequence(lua_State *L, int index, size_t *n);
/* Whether the value at `index` is the member `field` of the lua-cjson that is loaded. [-0, +0] */
bool cdfw_json_is_cjson_field(lua_State *L, int index, const char *field);

/* How many bytes from `text` on need no escape in a JSON string and are ASCII. */
size_t cdfw_json_count_plain(const char *text, size_t length);
/* How many bytes from `text` on are not ASCII. */
size_t cdfw_json_count_wide(const char *text, size_t length);
/* Whether a number is integral and so small that its neighbours are doubles too. */
static inline bool cdfw_json_is_whole(double value) {
  static const double exact = 9007199254740992.0; /* 2^53 */
  return value >= -exact && value <= exact && (double)(int64_t)value == value;
}

/* What Lua programs call: */
int cdfw_json_array(lua_State *L);    /* array([table]) -> table, marked */
int cdfw_json_is_array(lua_State *L); /* is_array(value) -> boolean: marked, or a sequence 1..n */
int cdfw_json_raw(lua_State *L);      /* raw(text [, problem]) -> what is written as that text */
int cdfw_json_is_raw(lua_State *L);   /* is_raw(value) -> boolean */

#endif
