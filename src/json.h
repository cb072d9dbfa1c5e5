/* SPDX-License-Identifier: Apache-2.0
 * Lua values to JSON text (our own writer) and back (lua-cjson, an instance of our own).
 * Knows nothing of CDF beyond the names of the members that hold a user's own data. */
#ifndef CDFW_JSON_H
#define CDFW_JSON_H

#include <stdint.h>

#include "buffer.h"
#include "compat.h"

enum {
  CDFW_JSON_WRITE_DEPTH = 128, /* tables inside one another that are written */
  CDFW_JSON_READ_DEPTH = 512,  /* arrays and objects inside one another that are read */
  /* Values and members' names that are read: 2 bytes of text can ask for a table of a hundred. */
  CDFW_JSON_MOST_VALUES = 1000000
};

enum {
  /* Members that are null are left out, except below input, output, data, metadata, response and
     body, which hold a user's own data. Nulls in arrays always stay. */
  CDFW_JSON_STRIP_NULLS = 1
};

/* Adds the value at `index` to `out` as compact JSON. No metamethod is called. `out` belongs to a
   userdata of the caller, since memory errors raise. True [-0, +0]; false [-0, +3] pushes the path
   to what is wrong, which begins with `name`, the rule (a number of bytes, or words), and a message
   of both: "input.sensors[3].value: NaN cannot …". */
bool cdfw_json_write(lua_State *L, int index, const char *name, cdfw_buffer *out);

/* Pushes the path to the member `key` of `name`, as such a message shows it. [-0, +1] */
const char *cdfw_json_push_path(lua_State *L, const char *name, const char *key, size_t length);

/* Reads a whole JSON text. True [-0, +1] pushes the value; false [-0, +1] pushes what is wrong,
   which never repeats any of the text. Only memory errors raise. */
bool cdfw_json_read(lua_State *L, const char *text, size_t length, int flags);

/* Pushes JSON's null: light userdata NULL, as in lua-cjson and nginx. [-0, +1] */
void cdfw_json_push_null(lua_State *L);
/* Marks the table at `index` as an array. [-0, +0] */
void cdfw_json_mark_array(lua_State *L, int index);

/* What Lua programs call: */
int cdfw_json_array(lua_State *L);    /* array([table]) -> table, marked */
int cdfw_json_is_array(lua_State *L); /* is_array(value) -> boolean: marked, or a sequence 1..n */
int cdfw_json_encode(
    lua_State *L); /* encode(value [, name]) -> text, or nil, message, path, rule */
int cdfw_json_decode(lua_State *L); /* decode(text) -> value, or nil and a message */
int cdfw_json_raw(lua_State *L);    /* raw(text [, problem]) -> what is written as that text */
int cdfw_json_is_raw(lua_State *L); /* is_raw(value) -> boolean */

/* Whether the value at `index` is JSON text that goes out byte for byte. [-0, +0] */
bool cdfw_json_test_raw(lua_State *L, int index);

/* Makes the metatable of arrays; called once by luaopen_. Loads nothing. [-0, +0] */
void cdfw_json_open(lua_State *L);

/* {==== Between json.c, json_write.c and json_read.c ==== */

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

/* }==== */

#endif
