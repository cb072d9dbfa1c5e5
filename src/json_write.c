/* SPDX-License-Identifier: Apache-2.0
 * The JSON writer: walks a Lua value with raw access only and adds compact JSON to a buffer.
 * What cannot be written exactly is refused with the path to it. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_values.h"
#include "json_write.h"
#include "text.h"

/* A table that is being written, and which of its members. The chain of them is the path. */
typedef struct frame {
  const struct frame *parent; /* the table around this one, or NULL */
  const void *identity;       /* to find a table inside itself */
  int table;                  /* stack index */
  int key;                    /* stack index of the member's name; 0 in an array */
  size_t position;            /* of the member, from 1, in an array */
  int depth;                  /* 1 for the outermost */
} frame;

typedef struct writer {
  lua_State *L;
  cdfw_buffer *out;
  const char *name;
  size_t limit; /* bytes that there was room for */
} writer;

static bool write_value(writer *w, int index, const frame *around);

/* {==== What is wrong, and where ==== */

enum {
  PATH_SIZE = 512,   /* bytes of a path that are shown */
  KEY_SIZE = 40,     /* bytes of a member's name that are shown */
  PATH_END_STEPS = 4 /* steps shown at each end of a deep path */
};

typedef struct path {
  char text[PATH_SIZE];
  size_t length;
} path;

static void path_add(path *p, const char *text, size_t length) {
  if (length > sizeof p->text - 1 - p->length) length = sizeof p->text - 1 - p->length;
  memcpy(p->text + p->length, text, length);
  p->length += length;
  p->text[p->length] = '\0';
}

static bool is_plain_name(const char *key, size_t length) {
  if (length == 0 || length > KEY_SIZE || (key[0] >= '0' && key[0] <= '9')) return false;
  for (size_t i = 0; i < length; i++) {
    char c = key[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  }
  return true;
}

/* A member's name for a message: one line, not too long, and valid UTF-8 whatever the name is. */
static void path_add_quoted(path *p, const char *key, size_t length) {
  size_t shown = length;
  bool utf8 = cdfw_text_is_utf8(key, length);
  if (shown > KEY_SIZE) {
    shown = KEY_SIZE;
    while (shown > 0 && ((unsigned char)key[shown] & 0xc0) == 0x80)
      shown--;
  }
  path_add(p, "\"", 1);
  for (size_t i = 0; i < shown; i++) {
    unsigned char c = (unsigned char)key[i];
    bool odd = c < ' ' || c == 0x7f || (c >= 0x80 && !utf8);
    path_add(p, odd ? "?" : key + i, 1);
  }
  path_add(p, shown < length ? "…\"" : "\"", shown < length ? sizeof "…\"" - 1 : 1);
}

static void path_add_name(path *p, const char *key, size_t length) {
  if (is_plain_name(key, length)) {
    path_add(p, ".", 1);
    path_add(p, key, length);
  } else {
    path_add(p, "[", 1);
    path_add_quoted(p, key, length);
    path_add(p, "]", 1);
  }
}

static void path_add_step(path *p, lua_State *L, const frame *f) {
  char position[32];
  if (f->key == 0) {
    int n = snprintf(position, sizeof position, "[%lu]", (unsigned long)f->position);
    path_add(p, position, (size_t)n);
  } else {
    size_t length;
    const char *key = lua_tolstring(L, f->key, &length);
    path_add_name(p, key, length);
  }
}

static void path_add_steps(path *p, lua_State *L, const frame *f, int depth) {
  if (f == NULL) return;
  path_add_steps(p, L, f->parent, depth);
  if (f->depth <= PATH_END_STEPS || f->depth > depth - PATH_END_STEPS)
    path_add_step(p, L, f);
  else if (f->depth == PATH_END_STEPS + 1)
    path_add(p, "…", sizeof "…" - 1);
}

/* Pushes the path, what is wrong, and "path: what"; answers false. `at` is the table around the
   value in question. */
static bool refuse(writer *w, const frame *at, const char *what) {
  path p;
  p.length = 0;
  path_add(&p, w->name, strlen(w->name));
  path_add_steps(&p, w->L, at, at != NULL ? at->depth : 0);
  lua_pushstring(w->L, p.text);
  lua_pushstring(w->L, what);
  lua_pushfstring(w->L, "%s: %s", p.text, what);
  return false;
}

static void push_refusal_of_size(writer *w) {
  lua_pushstring(w->L, w->name);
  lua_pushfstring(w->L, "%d", (int)w->limit);
  lua_pushfstring(w->L, "%s is larger than %d bytes of JSON", w->name, (int)w->limit);
}

/* The same with a format that takes one text. */
static bool refuse_with(writer *w, const frame *at, const char *format, const char *detail) {
  return refuse(w, at, lua_pushfstring(w->L, format, detail));
}

/* }==== */

/* {==== Numbers ==== */

enum { MAX_DECIMALS = 9 };

/* A whole number with the point put before its last `decimals` digits. */
static void write_decimal(cdfw_buffer *out, int64_t value, int decimals) {
  char text[32]; /* "-9223372036854775808", or "-0." and at most MAX_DECIMALS digits */
  char *end = text + sizeof text, *first = end;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  for (; rest > 0 || decimals >= 0; decimals--) {
    *--first = (char)('0' + rest % 10);
    rest /= 10;
    if (decimals == 1) *--first = '.';
  }
  if (value < 0) *--first = '-';
  cdfw_buffer_add(out, first, (size_t)(end - first));
}

static void write_integer(cdfw_buffer *out, int64_t value) {
  write_decimal(out, value, 0);
}

/* Writes a number that has few decimals, as measured values have. Below 10^15 the quotient of two
   exact doubles is rounded as a reader rounds the decimal number, so equality proves it right. */
static bool write_short_fraction(cdfw_buffer *out, double value) {
  static const double powers[MAX_DECIMALS + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  if (FLT_EVAL_METHOD != 0) return false; /* wider registers round twice */
  for (int decimals = 1; decimals <= MAX_DECIMALS; decimals++) {
    double scaled = value * powers[decimals];
    if (!(fabs(scaled) < 1e15)) return false;
    int64_t whole = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    if ((double)whole / powers[decimals] != value) continue;
    write_decimal(out, whole, decimals);
    return true;
  }
  return false;
}

/* Fewest digits that give the same number back. Everything but digits, sign and exponent in what
   snprintf made is the decimal point, whatever it is in the host's locale. */
static void write_fraction(cdfw_buffer *out, double value) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  size_t before = strspn(text, "0123456789+-e");
  size_t point = strcspn(text + before, "0123456789+-e");
  cdfw_buffer_add(out, text, before);
  if (point > 0) cdfw_buffer_addc(out, '.');
  cdfw_buffer_adds(out, text + before + point);
}

static bool write_float(writer *w, double value, const frame *at) {
  if (isnan(value)) return refuse(w, at, "NaN cannot be written as JSON");
  if (isinf(value)) return refuse(w, at, "infinity cannot be written as JSON");
  /* 3.0 is written as 3, and -0.0 as 0. */
  if (cdfw_json_is_whole(value))
    write_integer(w->out, (int64_t)value);
  else if (!write_short_fraction(w->out, value))
    write_fraction(w->out, value);
  return true;
}

static bool write_number(writer *w, int index, const frame *at) {
#if CDFW_HAS_INTEGERS
  if (cdfw_isinteger(w->L, index)) {
    write_integer(w->out, (int64_t)lua_tointeger(w->L, index));
    return true;
  }
#endif
  return write_float(w, (double)lua_tonumber(w->L, index), at);
}

/* }==== */

/* {==== Strings ==== */

static void write_escaped(cdfw_buffer *out, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
  char code[6] = {'\\', (char)c, '0', '0', hex[c >> 4], hex[c & 15]};
  if (c < ' ') code[1] = letters[c];
  cdfw_buffer_add(out, code, code[1] == 'u' ? 6 : 2);
}

/* False when the text is not valid UTF-8. */
static bool write_text(cdfw_buffer *out, const char *text, size_t length) {
  size_t done = 0, i = 0;
  cdfw_buffer_addc(out, '"');
  while ((i += cdfw_json_count_plain(text + i, length - i)) < length) {
    size_t wide = cdfw_json_count_wide(text + i, length - i);
    if (wide > 0) {
      if (!cdfw_text_is_utf8(text + i, wide)) return false;
      i += wide;
    } else {
      cdfw_buffer_add(out, text + done, i - done);
      write_escaped(out, (unsigned char)text[i]);
      done = ++i;
    }
  }
  cdfw_buffer_add(out, text + done, length - done);
  cdfw_buffer_addc(out, '"');
  return true;
}

static bool write_string(writer *w, int index, const frame *at) {
  size_t length;
  const char *text = lua_tolstring(w->L, index, &length);
  return write_text(w->out, text, length) || refuse(w, at, "the text is not valid UTF-8");
}

/* }==== */

/* {==== Arrays ==== */

/* Pushes a key as a message shows it. */
static const char *describe_key(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) {
    lua_pushvalue(L, index); /* lua_tostring would turn the key itself into a string */
    return lua_pushfstring(L, "number %s", lua_tostring(L, -1));
  }
  if (lua_type(L, index) == LUA_TSTRING) {
    path p;
    size_t length;
    const char *key = lua_tolstring(L, index, &length);
    p.length = 0;
    path_add_quoted(&p, key, length);
    return lua_pushfstring(L, "%s", p.text);
  }
  return lua_pushfstring(L, "a %s", luaL_typename(L, index));
}

static bool is_position(lua_State *L, int index) {
  lua_Number key = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;
  return key >= 1 && cdfw_json_is_whole((double)key);
}

/* Pushes the first position at which there is nothing. */
static const char *describe_hole(lua_State *L, int table) {
  size_t n = 0;
  bool filled;
  do {
    lua_rawgeti(L, table, (int)++n);
    filled = !lua_isnil(L, -1);
    lua_pop(L, 1);
  } while (filled);
  return lua_pushfstring(L, "%d", (int)n);
}

static const char mixed[] = "has both numbered and named members, and JSON knows no such thing";

static bool refuse_key(writer *w, const frame *f, int index) {
  return refuse_with(w, f->parent, "%s cannot be the name of a member", describe_key(w->L, index));
}

/* Says what keeps the table in `f` from being an array. */
static bool refuse_array(writer *w, const frame *f, bool marked) {
  lua_State *L = w->L;
  lua_pushnil(L);
  while (lua_next(L, f->table)) {
    lua_pop(L, 1);
    if (is_position(L, -1)) continue;
    if (lua_type(L, -1) != LUA_TSTRING) return refuse_key(w, f, -1);
    if (!marked) return refuse(w, f->parent, mixed);
    return refuse_with(w, f->parent, "an array cannot have a member named %s", describe_key(L, -1));
  }
  return refuse_with(w, f->parent, "a list must not have a hole, but number %s is nil (use null)",
                     describe_hole(L, f->table));
}

static bool write_array(writer *w, frame *f, bool marked) {
  size_t n;
  if (!cdfw_json_is_sequence(w->L, f->table, &n)) return refuse_array(w, f, marked);
  cdfw_buffer_addc(w->out, '[');
  for (f->position = 1; f->position <= n; f->position++) {
    if (f->position > 1) cdfw_buffer_addc(w->out, ',');
    lua_rawgeti(w->L, f->table, (int)f->position);
    if (!write_value(w, lua_gettop(w->L), f)) return false;
    lua_pop(w->L, 1);
  }
  return cdfw_buffer_addc(w->out, ']');
}

/* }==== */

/* {==== Objects and other values ==== */

/* The first pair of lua_next is on the stack. */
static bool write_object(writer *w, frame *f) {
  lua_State *L = w->L;
  char before = '{';
  do {
    size_t length;
    if (is_position(L, -2)) return refuse(w, f->parent, mixed);
    if (lua_type(L, -2) != LUA_TSTRING) return refuse_key(w, f, -2);
    f->key = lua_gettop(L) - 1;
    const char *key = lua_tolstring(L, -2, &length);
    cdfw_buffer_addc(w->out, before);
    if (!write_text(w->out, key, length)) return refuse(w, f, "the name is not valid UTF-8");
    cdfw_buffer_addc(w->out, ':');
    if (!write_value(w, f->key + 1, f)) return false;
    before = ',';
    lua_pop(L, 1);
  } while (lua_next(L, f->table));
  return cdfw_buffer_addc(w->out, '}');
}

static bool is_inside_itself(const frame *f) {
  for (const frame *outer = f->parent; outer != NULL; outer = outer->parent)
    if (outer->identity == f->identity) return true;
  return false;
}

static bool write_table(writer *w, int index, const frame *around) {
  lua_State *L = w->L;
  frame f = {around, lua_topointer(L, index), index, 0, 0, around != NULL ? around->depth + 1 : 1};
  if (is_inside_itself(&f))
    return refuse(w, around, "a table inside itself cannot be written as JSON");
  if (f.depth > CDFW_JSON_WRITE_DEPTH)
    return refuse(w, around, "too many tables inside one another");
  cdfw_json_mark mark = cdfw_json_mark_of(L, index);
  lua_pushnil(L);
  if (!lua_next(L, index))
    return cdfw_buffer_adds(w->out, mark == CDFW_JSON_UNMARKED ? "{}" : "[]");
  bool marked = mark == CDFW_JSON_ARRAY;
  if (!marked && lua_type(L, -2) != LUA_TNUMBER) return write_object(w, &f);
  lua_pop(L, 2);
  return write_array(w, &f, marked);
}

static bool write_raw(writer *w, int index, const frame *at) {
  size_t length;
  cdfw_json_push_raw(w->L, index);
  if (!lua_isnil(w->L, -1)) return refuse(w, at, lua_tostring(w->L, -1));
  const char *text = lua_tolstring(w->L, -2, &length);
  bool written = cdfw_buffer_add(w->out, text, length);
  lua_pop(w->L, 2);
  return written;
}

static bool write_userdata(writer *w, int index, const frame *at) {
  if (cdfw_json_test_raw(w->L, index)) return write_raw(w, index, at);
  bool light = lua_type(w->L, index) == LUA_TLIGHTUSERDATA;
  if (light && lua_touserdata(w->L, index) == NULL) return cdfw_buffer_adds(w->out, "null");
  if (light && cdfw_json_is_cjson_field(w->L, index, "empty_array"))
    return cdfw_buffer_adds(w->out, "[]");
  return refuse(w, at, "userdata cannot be written as JSON");
}

/* False when the value was refused (a message is on top) or the buffer took no more. */
static bool write_value(writer *w, int index, const frame *around) {
  bool written;
  switch (lua_type(w->L, index)) {
    case LUA_TSTRING:
      written = write_string(w, index, around);
      break;
    case LUA_TNUMBER:
      written = write_number(w, index, around);
      break;
    case LUA_TTABLE:
      written = write_table(w, index, around);
      break;
    case LUA_TNIL:
      written = refuse(w, around, "nil cannot be written as JSON");
      break;
    case LUA_TBOOLEAN:
      written = cdfw_buffer_adds(w->out, lua_toboolean(w->L, index) ? "true" : "false");
      break;
    case LUA_TLIGHTUSERDATA:
    case LUA_TUSERDATA:
      written = write_userdata(w, index, around);
      break;
    default:
      written =
          refuse_with(w, around, "a %s cannot be written as JSON", luaL_typename(w->L, index));
  }
  /* A table that is shared again and again grows without end, but not beyond the buffer. */
  return written && w->out->state == CDFW_BUFFER_OK;
}

/* }==== */

bool cdfw_json_write(lua_State *L, int index, const char *name, cdfw_buffer *out) {
  writer w = {L, out, name, out->ceiling - out->length};
  int top = lua_gettop(L);
  /* A table needs its key and its value on the stack, a message or a look-up a few more. */
  if (!lua_checkstack(L, 2 * CDFW_JSON_WRITE_DEPTH + LUA_MINSTACK))
    luaL_error(L, "not enough memory");
  bool written = write_value(&w, cdfw_absindex(L, index), NULL);
  if (out->state == CDFW_BUFFER_NO_MEMORY) luaL_error(L, "not enough memory");
  if (out->state == CDFW_BUFFER_FULL) push_refusal_of_size(&w);
  for (int i = 0; i < 3 && !written; i++)
    lua_insert(L, top + 1);
  lua_settop(L, written ? top : top + 3);
  return written;
}

const char *cdfw_json_push_path(lua_State *L, const char *name, const char *key, size_t length) {
  path p;
  p.length = 0;
  path_add(&p, name, strlen(name));
  path_add_name(&p, key, length);
  lua_pushstring(L, p.text);
  return lua_tostring(L, -1);
}
