/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader: checks the text strictly, lets an instance of lua-cjson of our own build the
 * values, and mends what no lua-cjson, or not each, keeps: integers, empty arrays, nulls. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

#include "json_values.h"
#include "object.h"
#include "text.h"

/* {==== Checking the text ==== */

/* lua-cjson takes more than JSON: control characters in strings, invalid UTF-8, 0x10, 01, NaN. So
   every token is looked at here, and how many there are and how deep, before anything is built; how
   tokens follow one another is left to lua-cjson.

   Nor does it tell [] from {}; and Debian's reads a long integer as a float, while LuaRocks' and
   OpenResty's give the largest one that Lua has. So both are handed to it as stand-ins: an array
   with one string, whose first byte no JSON text can hold. [] is an array with that byte alone, an
   integer an array with that byte and the digits. */
#define STAND_IN '\xff'

enum { LONG_INTEGER = 16 /* digits from which a double may not be exact */ };

typedef struct scan {
  lua_State *L;
  const char *text, *end;
  const char *at;       /* the next character */
  const char *copied;   /* up to here the text is in `changed` */
  cdfw_buffer *changed; /* the text with stand-ins, on the stack; NULL when there is none */
  size_t values;        /* that were seen, members' names among them */
  size_t depth;         /* arrays and objects around the next character */
  bool strips;          /* nulls may be left out */
  bool mends;           /* something was seen that lua-cjson does not keep as it should be */
  const char *problem;
} scan;

static bool scan_fail(scan *s, const char *problem) {
  s->problem = problem;
  return false;
}

static char peek(const scan *s) {
  return s->at < s->end ? *s->at : '\0';
}

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool scan_step(scan *s) {
  s->at++;
  return true;
}

/* Changes the text from `from` to where the scan is. */
static void change(scan *s, const char *from, const char *before, const char *kept,
                   const char *after) {
  if (s->changed == NULL) {
    size_t length = (size_t)(s->end - s->text);
    s->changed = cdfw_scratch_push(s->L, 3 * length + 1, true);
    cdfw_buffer_reserve(s->changed, length + length / 16);
  }
  s->mends = true;
  cdfw_buffer_add(s->changed, s->copied, (size_t)(from - s->copied));
  cdfw_buffer_adds(s->changed, before);
  cdfw_buffer_add(s->changed, kept, (size_t)(s->at - kept));
  cdfw_buffer_adds(s->changed, after);
  s->copied = s->at;
}

static bool scan_string(scan *s) {
  s->at++;
  for (;;) {
    s->at += cdfw_json_count_plain(s->at, (size_t)(s->end - s->at));
    if (peek(s) == '"') return scan_step(s);
    size_t wide = cdfw_json_count_wide(s->at, (size_t)(s->end - s->at));
    if (wide > 0) {
      if (!cdfw_text_is_utf8(s->at, wide)) return scan_fail(s, "invalid UTF-8");
      s->at += wide;
    } else if (s->at == s->end) {
      return scan_fail(s, "ends inside a string");
    } else if (*s->at == '\\') {
      /* What is escaped is lua-cjson's to judge; only the closing quote must be found here. */
      s->at += s->end - s->at > 1 ? 2 : 1;
    } else {
      return scan_fail(s, "control character in a string");
    }
  }
}

static bool scan_digits(scan *s) {
  if (!is_digit(peek(s))) return scan_fail(s, "malformed number");
  while (is_digit(peek(s)))
    s->at++;
  return true;
}

/* Behind the integer: whether it is followed by what makes it another number. */
static bool scan_rest_of_number(scan *s) {
  if (peek(s) == '.') {
    s->at++;
    if (!scan_digits(s)) return false;
  }
  if (peek(s) == 'e' || peek(s) == 'E') {
    s->at++;
    if (peek(s) == '+' || peek(s) == '-') s->at++;
    if (!scan_digits(s)) return false;
  }
  char next = peek(s);
  return s->at == s->end || is_space(next) || next == ',' || next == ']' || next == '}' ||
         scan_fail(s, "malformed number");
}

static bool scan_number(scan *s) {
  const char *start = s->at;
  if (peek(s) == '-') s->at++;
  const char *first = s->at;
  bool zero = peek(s) == '0';
  if (zero) s->at++;
  if (!zero && !scan_digits(s)) return false;
  const char *end = s->at;
  if (!scan_rest_of_number(s)) return false;
  /* Whole numbers come as floats, and those out of range as infinite ones. */
  if (CDFW_HAS_INTEGERS || s->at > end) s->mends = true;
  if (s->at == end && end - first >= LONG_INTEGER) change(s, start, "[\"\xff", start, "\"]");
  return true;
}

static bool scan_word(scan *s) {
  enum { NULL_WORD = 2 };
  static const char *const words[] = {"true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t length = strlen(words[i]);
    if (length > (size_t)(s->end - s->at) || memcmp(s->at, words[i], length) != 0) continue;
    s->at += length;
    if (i == NULL_WORD && s->strips) s->mends = true;
    return true;
  }
  return scan_fail(s, "unexpected character");
}

static bool scan_open(scan *s) {
  if (++s->depth > CDFW_JSON_READ_DEPTH) return scan_fail(s, "nested too deeply");
  bool is_array = *s->at++ == '[';
  const char *inside = s->at;
  while (is_space(peek(s)))
    s->at++;
  if (is_array && peek(s) == ']') change(s, inside, "\"\xff\"", s->at, "");
  return true;
}

/* One too many is lua-cjson's to find. */
static bool scan_close(scan *s) {
  if (s->depth > 0) s->depth--;
  return scan_step(s);
}

static bool scan_value(scan *s) {
  if (++s->values > CDFW_JSON_MOST_VALUES) return scan_fail(s, NULL);
  if (*s->at == '"') return scan_string(s);
  if (*s->at == '[' || *s->at == '{') return scan_open(s);
  return is_digit(*s->at) || *s->at == '-' ? scan_number(s) : scan_word(s);
}

static bool scan_token(scan *s) {
  switch (*s->at) {
    case ' ':
    case '\n':
    case '\r':
    case '\t':
    case ':':
    case ',':
      return scan_step(s);
    case ']':
    case '}':
      return scan_close(s);
    default:
      return scan_value(s);
  }
}

static bool scan_text(scan *s) {
  if (s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
    return scan_fail(s, "begins with a byte order mark");
  while (s->at < s->end)
    if (!scan_token(s)) return false;
  if (s->changed != NULL) cdfw_buffer_add(s->changed, s->copied, (size_t)(s->end - s->copied));
  return true;
}

/* Pushes what made the scan fail. [-0, +1] */
static void push_problem(lua_State *L, const scan *s) {
  if (s->problem != NULL)
    lua_pushfstring(L, "not JSON: %s at character %d", s->problem, (int)(s->at - s->text) + 1);
  else
    lua_pushfstring(L, "not JSON that can be kept: more than %d values and names in it",
                    (int)CDFW_JSON_MOST_VALUES);
}

/* }==== */

/* {==== lua-cjson ==== */

static const char decoder_key; /* registry: { decode function, decimal point it was made under } */

/* Makes a table { decode, decimal point }: an instance of its own, so that the host's settings and
   ours do not meet. Runs protected. */
static int make_decoder(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  lua_call(L, 1, 1);
  cdfw_json_adopt_mark(L, -1);
  lua_getfield(L, -1, "new");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_max_depth");
  lua_pushinteger(L, CDFW_JSON_READ_DEPTH + 1); /* a stand-in may be one deeper */
  lua_call(L, 1, 0);
  lua_createtable(L, 2, 0);
  lua_getfield(L, -2, "decode");
  lua_rawseti(L, -2, 1);
  lua_pushstring(L, localeconv()->decimal_point);
  lua_rawseti(L, -2, 2);
  lua_pushvalue(L, -1);
  cdfw_rawsetp(L, LUA_REGISTRYINDEX, &decoder_key);
  return 1;
}

/* A memory error goes on its way; any other is left on the stack. */
static bool protected_call(lua_State *L, int arguments) {
  int status = lua_pcall(L, arguments, 1, 0);
  if (status == LUA_ERRMEM) lua_error(L);
  return status == 0;
}

/* Whether the table on top is a decoder made under the locale of now: lua-cjson looks at the
   decimal point only when an instance is made, and would misread 1.5 after a change. */
static bool is_current_decoder(lua_State *L) {
  if (!lua_istable(L, -1)) return false;
  lua_rawgeti(L, -1, 2);
  bool same = strcmp(lua_tostring(L, -1), localeconv()->decimal_point) == 0;
  lua_pop(L, 1);
  return same;
}

/* Pushes lua-cjson's decode function, or, answering false, why there is none. [-0, +1] */
static bool push_decode(lua_State *L) {
  cdfw_rawgetp(L, LUA_REGISTRYINDEX, &decoder_key);
  if (!is_current_decoder(L)) {
    lua_pop(L, 1);
    lua_pushcfunction(L, make_decoder);
    if (!protected_call(L, 0)) {
      const char *reason = lua_tostring(L, -1);
      lua_pushfstring(L, "lua-cjson cannot be loaded: %s",
                      reason != NULL ? reason : "no reason given");
      lua_replace(L, -2);
      return false;
    }
  }
  lua_rawgeti(L, -1, 1);
  lua_replace(L, -2);
  return true;
}

/* Replaces lua-cjson's message by one that holds nothing of the text. */
static void reword(lua_State *L) {
  static const char marker[] = "at character ";
  const char *message = lua_tostring(L, -1), *problem = "unexpected token", *at = NULL;
  if (message == NULL) message = "";
  if (strstr(message, "T_END") != NULL) problem = "ends too early";
  if (strstr(message, "escape") != NULL) problem = "invalid escape in a string";
  for (const char *next = strstr(message, marker); next != NULL; next = strstr(at, marker))
    at = next + strlen(marker);
  unsigned long character = 0;
  for (; at != NULL && *at >= '0' && *at <= '9'; at++)
    character = character * 10 + (unsigned long)(*at - '0');
  if (character > 0)
    lua_pushfstring(L, "not JSON: %s at character %d", problem, (int)character);
  else
    lua_pushfstring(L, "not JSON: %s", problem);
  lua_replace(L, -2);
}

/* Pushes the value, or, answering false, lua-cjson's message. [-0, +1] */
static bool decode(lua_State *L, const char *text, size_t length) {
  if (!push_decode(L)) return false;
  lua_pushlstring(L, text, length);
  if (protected_call(L, 1)) return true;
  reword(L);
  return false;
}

/* }==== */

/* {==== Mending the values ==== */

static bool is_whole_float(lua_State *L, int index) {
  return !cdfw_isinteger(L, index) && cdfw_json_is_whole((double)lua_tonumber(L, index));
}

static bool holds_user_data(lua_State *L, int key) {
  static const char *const names[] = {"input", "output", "data", "metadata", "response", "body"};
  if (lua_type(L, key) != LUA_TSTRING) return false;
  const char *name = lua_tostring(L, key);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (name[0] == names[i][0] && strcmp(name, names[i]) == 0) return true;
  return false;
}

/* Whether the null on top is a member to be left out. */
static bool is_superfluous(lua_State *L, bool strip) {
  return strip && lua_type(L, -2) == LUA_TSTRING && lua_touserdata(L, -1) == NULL;
}

/* Gives the field whose key and value are below the top the value on top, and leaves the key. The
   field exists, so this is allowed inside a traversal. */
static void replace_field(lua_State *L, int table) {
  lua_replace(L, -2);
  lua_pushvalue(L, -2);
  lua_insert(L, -2);
  lua_rawset(L, table);
}

/* What the array stands for whose first pair is on the top, behind the first byte, or NULL for any
   other table. [-0, +0] */
static const char *stood_for(lua_State *L) {
  if (lua_type(L, -1) != LUA_TSTRING || lua_type(L, -2) != LUA_TNUMBER) return NULL;
  const char *text = lua_tostring(L, -1);
  return text[0] == STAND_IN ? text + 1 : NULL;
}

static void empty_array(lua_State *L) {
  lua_pushnil(L);
  lua_rawseti(L, -2, 1);
  cdfw_json_mark_array(L, -1);
}

/* Exact where Lua has an integer for it, otherwise the nearest float. [-0, +1] */
static void push_long_integer(lua_State *L, const char *digits) {
#if CDFW_HAS_INTEGERS
  errno = 0;
  long long value = strtoll(digits, NULL, 10);
  if (errno != ERANGE) {
    lua_pushinteger(L, (lua_Integer)value);
    return;
  }
#endif
  lua_pushnumber(L, (lua_Number)strtod(digits, NULL));
}

/* What became of a value. */
typedef enum mended {
  KEPT,        /* it is on the top, and so is what is in it */
  REPLACED,    /* another is above it, to stand in its place */
  OUT_OF_RANGE /* it is a number that cannot be kept */
} mended;

static mended mend_value(lua_State *L, bool strip);

/* The table on the top is a stand-in. */
static mended mend_stand_in(lua_State *L, const char *meant) {
  if (meant[0] == '\0') {
    empty_array(L);
    return KEPT;
  }
  push_long_integer(L, meant);
  return isinf(lua_tonumber(L, -1)) ? OUT_OF_RANGE : REPLACED;
}

static mended mend_table(lua_State *L, bool strip) {
  int table = lua_gettop(L);
  if (!lua_checkstack(L, 8)) luaL_error(L, "not enough memory");
  lua_pushnil(L);
  if (!lua_next(L, table)) return KEPT;
  const char *meant = stood_for(L);
  if (meant != NULL) {
    lua_settop(L, table); /* which keeps the text */
    return mend_stand_in(L, meant);
  }
  do {
    mended what = mend_value(L, strip);
    if (what == OUT_OF_RANGE) return what;
    if (what == REPLACED)
      replace_field(L, table);
    else
      lua_pop(L, 1);
  } while (lua_next(L, table));
  return KEPT;
}

/* Mends the value on top, whose key is below it. */
static mended mend_value(lua_State *L, bool strip) {
  switch (lua_type(L, -1)) {
    case LUA_TTABLE:
      return mend_table(L, strip && !holds_user_data(L, -2));
    case LUA_TNUMBER:
      if (isinf(lua_tonumber(L, -1))) return OUT_OF_RANGE;
      if (!CDFW_HAS_INTEGERS || !is_whole_float(L, -1)) return KEPT;
      lua_pushinteger(L, (lua_Integer)lua_tonumber(L, -1));
      return REPLACED;
    case LUA_TLIGHTUSERDATA:
      if (!is_superfluous(L, strip)) return KEPT;
      lua_pushnil(L);
      return REPLACED;
    default:
      return KEPT;
  }
}

/* Mends the value on top, which is no member of a table. */
static bool mend_whole(lua_State *L, bool strip) {
  lua_pushnil(L);
  lua_insert(L, -2);
  return mend_value(L, strip) != OUT_OF_RANGE;
}

/* }==== */

/* Leaves only what is on top above `top`, and passes `result` on. */
static bool leave(lua_State *L, int top, bool result) {
  lua_insert(L, top + 1);
  lua_settop(L, top + 1);
  return result;
}

/* Reads the text that was found good, by way of stand-ins where it has any. [-0, +1] */
static bool read_text(lua_State *L, const scan *s) {
  if (s->changed == NULL) return decode(L, s->text, (size_t)(s->end - s->text));
  if (decode(L, s->changed->data, s->changed->length)) return true;
  /* Once more, for a position in the text as it came. */
  lua_pop(L, 1);
  decode(L, s->text, (size_t)(s->end - s->text));
  return false;
}

bool cdfw_json_read(lua_State *L, const char *text, size_t length, int flags) {
  int top = lua_gettop(L);
  if (!lua_checkstack(L, LUA_MINSTACK)) luaL_error(L, "not enough memory");
  scan s = {.L = L, .text = text, .end = text + length, .at = text, .copied = text};
  s.strips = (flags & CDFW_JSON_STRIP_NULLS) != 0;
  if (!scan_text(&s)) {
    push_problem(L, &s);
    return leave(L, top, false);
  }
  if (s.changed != NULL && s.changed->state != CDFW_BUFFER_OK) luaL_error(L, "not enough memory");
  bool read = read_text(L, &s);
  if (read && s.mends && !mend_whole(L, s.strips)) {
    lua_pushliteral(L, "not JSON that can be kept: a number is out of range");
    read = false;
  }
  if (s.changed != NULL) cdfw_buffer_free(s.changed);
  return leave(L, top, read);
}
