/* SPDX-License-Identifier: Apache-2.0
 * Builds Lua values from the input and writes them: what JSON can hold is written so that a reader
 * gives the same values back, everything else is refused with a path. */
#include "json.h"

#include <inttypes.h>
#include <math.h>

#include "fuzz.h"
#include "object.h"

enum { DEEPEST = CDFW_JSON_WRITE_DEPTH + 4 };

typedef struct builder {
  lua_State *L;
  fuzz_input input;
  bool writable; /* nothing that JSON cannot hold so far */
} builder;

static void build(builder *b, int depth);

/* Lua's own library judges UTF-8: strictly, without surrogates. */
static bool is_utf8(lua_State *L, int index) {
  int text = lua_absindex(L, index);
  lua_getglobal(L, "utf8");
  lua_getfield(L, -1, "len");
  lua_pushvalue(L, text);
  lua_call(L, 1, 1);
  bool valid = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return valid;
}

static void build_string(builder *b) {
  size_t length = fuzz_byte(&b->input) % 40;
  const char *bytes = fuzz_bytes(&b->input, &length);
  lua_pushlstring(b->L, bytes, length);
  if (!is_utf8(b->L, -1)) b->writable = false;
}

static uint64_t eight_bytes(builder *b) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++)
    value = value << 8 | fuzz_byte(&b->input);
  return value;
}

static void build_double(builder *b) {
  uint64_t bits = eight_bytes(b);
  double value;
  memcpy(&value, &bits, sizeof value);
  if (!isfinite(value)) b->writable = false;
  lua_pushnumber(b->L, value);
}

static void build_decimal(builder *b) {
  static const double powers[] = {1, 10, 100, 1000, 1e6, 1e12};
  int64_t whole = (int64_t)(eight_bytes(b) >> 20);
  lua_pushnumber(b->L, (double)whole / powers[fuzz_byte(&b->input) % 6]);
}

static void build_list(builder *b, int depth, bool backwards) {
  int count = fuzz_byte(&b->input) % 6;
  lua_newtable(b->L);
  for (int i = 1; i <= count; i++) {
    build(b, depth + 1);
    lua_rawseti(b->L, -2, backwards ? count + 1 - i : i);
  }
}

static void build_object(builder *b, int depth) {
  int count = fuzz_byte(&b->input) % 6;
  lua_newtable(b->L);
  for (int i = 0; i < count; i++) {
    build_string(b);
    lua_pushvalue(b->L, -1);
    lua_rawget(b->L, -3);
    bool taken = !lua_isnil(b->L, -1);
    lua_pop(b->L, 1);
    if (taken) {
      lua_pop(b->L, 1);
      continue;
    }
    build(b, depth + 1);
    lua_rawset(b->L, -3);
  }
}

/* A table whose keys are of any kind. */
static void build_odd_table(builder *b, int depth) {
  build_list(b, depth, false);
  int type = fuzz_byte(&b->input) % 4;
  if (type == 0) lua_pushboolean(b->L, 1);
  if (type == 1) lua_pushnumber(b->L, 1.5);
  if (type == 2) lua_pushinteger(b->L, 100);
  if (type == 3) lua_pushinteger(b->L, 0);
  build(b, depth + 1);
  lua_rawset(b->L, -3);
  b->writable = false;
}

static void build_mixed_table(builder *b, int depth) {
  build_list(b, depth, false);
  if (lua_rawlen(b->L, -1) > 0) b->writable = false;
  build_string(b);
  build(b, depth + 1);
  lua_rawset(b->L, -3);
}

static void build_deep(builder *b, int depth) {
  int levels = fuzz_byte(&b->input) % DEEPEST;
  for (int i = 0; i < levels && depth + i < DEEPEST; i++)
    lua_newtable(b->L);
  /* The tables are put into one another from the inside. */
  int made = levels < DEEPEST - depth ? levels : DEEPEST - depth;
  if (depth + made > CDFW_JSON_WRITE_DEPTH) b->writable = false;
  if (made <= 0) lua_pushboolean(b->L, 1);
  for (; made > 1; made--)
    lua_rawseti(b->L, -2, 1);
}

static void build_cycle(builder *b) {
  lua_newtable(b->L);
  lua_pushvalue(b->L, -1);
  lua_setfield(b->L, -2, "self");
  b->writable = false;
}

static void build_table(builder *b, int kind, int depth) {
  if (depth >= CDFW_JSON_WRITE_DEPTH) b->writable = false;
  if (depth >= DEEPEST) {
    lua_newtable(b->L);
    return;
  }
  switch (kind) {
    case 0:
      build_list(b, depth, false);
      break;
    case 1:
      build_list(b, depth, true);
      break;
    case 2:
      build_list(b, depth, false);
      cdfw_json_mark_array(b->L, -1);
      break;
    case 3:
      build_odd_table(b, depth);
      break;
    case 4:
      build_mixed_table(b, depth);
      break;
    case 5:
      build_cycle(b);
      break;
    default:
      build_object(b, depth);
      break;
  }
}

/* Pushes one value; `depth` tables are around it. */
static void build(builder *b, int depth) {
  luaL_checkstack(b->L, DEEPEST + 20, NULL);
  int kind = fuzz_byte(&b->input) % 24;
  switch (kind) {
    case 0:
      cdfw_json_push_null(b->L);
      break;
    case 1:
      lua_pushboolean(b->L, fuzz_byte(&b->input) & 1);
      break;
    case 2:
      lua_pushinteger(b->L, (lua_Integer)(int8_t)fuzz_byte(&b->input));
      break;
    case 3:
      lua_pushinteger(b->L, (lua_Integer)eight_bytes(b));
      break;
    case 4:
      build_double(b);
      break;
    case 5:
      build_decimal(b);
      break;
    case 6:
      lua_pushcfunction(b->L, cdfw_json_array);
      b->writable = false;
      break;
    case 7:
      build_deep(b, depth);
      break;
    case 8:
    case 9:
    case 10:
    case 11:
      build_string(b);
      break;
    default:
      build_table(b, kind - 12, depth);
      break;
  }
}

/* {==== The same values? ==== */

static bool same(lua_State *L, int a, int b);

static bool same_members(lua_State *L, int a, int b) {
  lua_pushnil(L);
  while (lua_next(L, a)) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    if (!same(L, lua_gettop(L) - 1, lua_gettop(L))) return false;
    lua_pop(L, 2);
  }
  lua_pushnil(L);
  while (lua_next(L, b)) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, a);
    if (lua_isnil(L, -1)) return false;
    lua_pop(L, 1);
  }
  return true;
}

static bool is_empty_array(lua_State *L, int index) {
  return cdfw_json_mark_of(L, index) == CDFW_JSON_ARRAY && lua_rawlen(L, index) == 0;
}

static bool same(lua_State *L, int a, int b) {
  luaL_checkstack(L, 10, NULL);
  if (lua_type(L, a) != lua_type(L, b)) return false;
  /* The reader's numbers are doubles: integers beyond 2^53 are exact in the text only. */
  if (lua_type(L, a) == LUA_TNUMBER) return lua_tonumber(L, a) == lua_tonumber(L, b);
  if (lua_type(L, a) != LUA_TTABLE) return lua_rawequal(L, a, b);
  return is_empty_array(L, a) == is_empty_array(L, b) && same_members(L, a, b);
}

/* }==== */

static void check_written(lua_State *L, int value, const cdfw_buffer *out) {
  fuzz_require(cdfw_json_read(L, out->data, out->length, 0), "%s: %s", lua_tostring(L, -1),
               out->data);
  fuzz_require(same(L, value, lua_gettop(L)), "another value came back from %s", out->data);
  if (!lua_isinteger(L, value)) return;
  char digits[32];
  snprintf(digits, sizeof digits, "%" PRId64, (int64_t)lua_tointeger(L, value));
  fuzz_require(strcmp(digits, out->data) == 0, "%s instead of %s", out->data, digits);
}

static int one_input(lua_State *L) {
  builder b = {L, *(const fuzz_input *)lua_touserdata(L, 1), true};
  size_t ceiling = fuzz_byte(&b.input) == 255 ? fuzz_byte(&b.input) : CDFW_MAX_BODY;
  build(&b, 0);
  int value = lua_gettop(L);
  cdfw_buffer *out = cdfw_scratch_push(L, ceiling, false);
  int top = lua_gettop(L);
  bool written = cdfw_json_write(L, value, "root", out);
  fuzz_require(lua_gettop(L) == top + (written ? 0 : 3), "the stack is out of balance");
  if (written) {
    fuzz_require(b.writable, "%s was written", out->data);
    check_written(L, value, out);
  } else {
    const char *message = lua_tostring(L, -1);
    fuzz_require(!b.writable || ceiling < CDFW_MAX_BODY, "refused: %s", message);
    fuzz_require(strncmp(message, "root", 4) == 0 && is_utf8(L, -1), "%s", message);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  fuzz_input input = fuzz_input_of(data, size);
  lua_settop(L, 0);
  lua_pushcfunction(L, one_input);
  lua_pushlightuserdata(L, &input);
  fuzz_require(lua_pcall(L, 1, 0, 0) == 0, "raised %s", lua_tostring(L, -1));
  return 0;
}
