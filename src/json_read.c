/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader: checks the text strictly, lets an instance of lua-cjson of our own build the
 * values, and mends what Debian's lua-cjson 2.1.0 leaves: integers, empty arrays, nulls. */
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "object.h"
#include "text.h"

/* {==== Checking the text ==== */

/* lua-cjson takes more than JSON: control characters in strings, invalid UTF-8, 0x10, 01, NaN. So
   every token is looked at here; how tokens follow one another is left to lua-cjson.

   Nor does it tell [] from {}. So each empty array is handed to it as [NaN], which no JSON text can
   hold, and is made empty again afterwards. */
typedef struct scan {
  const char *text, *end;
  const char *at;       /* the next character */
  const char *copied;   /* up to here the text is in `changed` */
  cdfw_buffer *changed; /* the text with [NaN] for []; empty when there is none */
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

static bool scan_string(scan *s) {
  s->at++;
  for (;;) {
    s->at += cdfw_json_count_plain(s->at, (size_t)(s->end - s->at));
    size_t wide = cdfw_json_count_wide(s->at, (size_t)(s->end - s->at));
    if (wide > 0) {
      if (!cdfw_text_is_utf8(s->at, wide)) return scan_fail(s, "invalid UTF-8");
      s->at += wide;
    } else if (s->at == s->end) {
      return scan_fail(s, "ends inside a string");
    } else if (*s->at == '"') {
      return scan_step(s);
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

static bool scan_number(scan *s) {
  if (peek(s) == '-') s->at++;
  bool zero = peek(s) == '0';
  if (zero) s->at++;
  if (!zero && !scan_digits(s)) return false;
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

static bool scan_word(scan *s) {
  static const char *const words[] = {"true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t length = strlen(words[i]);
    if (length > (size_t)(s->end - s->at) || memcmp(s->at, words[i], length) != 0) continue;
    s->at += length;
    return true;
  }
  return scan_fail(s, "unexpected character");
}

static bool scan_array(scan *s) {
  s->at++;
  const char *inside = s->at;
  while (is_space(peek(s)))
    s->at++;
  if (peek(s) != ']') return true;
  cdfw_buffer_add(s->changed, s->copied, (size_t)(inside - s->copied));
  cdfw_buffer_adds(s->changed, "NaN");
  s->copied = s->at;
  return true;
}

static bool scan_token(scan *s) {
  switch (*s->at) {
    case '"':
      return scan_string(s);
    case '[':
      return scan_array(s);
    case '{':
    case '}':
    case ']':
    case ':':
    case ',':
      return scan_step(s);
    default:
      break;
  }
  if (is_space(*s->at)) return scan_step(s);
  return is_digit(*s->at) || *s->at == '-' ? scan_number(s) : scan_word(s);
}

static bool scan_text(scan *s) {
  if (s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
    return scan_fail(s, "begins with a byte order mark");
  while (s->at < s->end)
    if (!scan_token(s)) return false;
  if (s->changed->length > 0) cdfw_buffer_add(s->changed, s->copied, (size_t)(s->end - s->copied));
  return true;
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
  lua_getfield(L, -1, "new");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 1);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode_max_depth");
  lua_pushinteger(L, CDFW_JSON_READ_DEPTH);
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
  if (strstr(message, "nested") != NULL) problem = "nested too deeply";
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
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(lua_tostring(L, key), names[i]) == 0) return true;
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

static void empty_array(lua_State *L, int table) {
  lua_pushnil(L);
  lua_rawseti(L, table, 1);
  cdfw_json_mark_array(L, table);
}

/* Mends the table on top: integers, empty arrays, nulls. False when a number is out of range. */
static bool mend(lua_State *L, bool strip) {
  int table = lua_gettop(L);
  if (!lua_checkstack(L, 8)) luaL_error(L, "not enough memory");
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int type = lua_type(L, -1);
    if (type == LUA_TNUMBER && isnan(lua_tonumber(L, -1))) {
      lua_pop(L, 2);
      empty_array(L, table);
      break;
    }
    if (type == LUA_TNUMBER && isinf(lua_tonumber(L, -1))) return false;
    if (type == LUA_TTABLE && !mend(L, strip && !holds_user_data(L, -2))) return false;
    if (CDFW_HAS_INTEGERS && type == LUA_TNUMBER && is_whole_float(L, -1)) {
      lua_pushinteger(L, (lua_Integer)lua_tonumber(L, -1));
      replace_field(L, table);
    } else if (type == LUA_TLIGHTUSERDATA && is_superfluous(L, strip)) {
      lua_pushnil(L);
      replace_field(L, table);
    } else {
      lua_pop(L, 1);
    }
  }
  return true;
}

/* Puts the value on top into a table, so that a lone number or [] is mended like any other. */
static bool mend_value(lua_State *L, bool strip) {
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  if (!mend(L, strip)) return false;
  lua_rawgeti(L, -1, 1);
  return true;
}

/* }==== */

/* Leaves only what is on top above `top`, and passes `result` on. */
static bool leave(lua_State *L, int top, bool result) {
  lua_insert(L, top + 1);
  lua_settop(L, top + 1);
  return result;
}

bool cdfw_json_read(lua_State *L, const char *text, size_t length, int flags) {
  int top = lua_gettop(L);
  if (!lua_checkstack(L, LUA_MINSTACK)) luaL_error(L, "not enough memory");
  cdfw_buffer *changed = cdfw_scratch_push(L, 3 * length + 1, true);
  scan s = {text, text + length, text, text, changed, NULL};
  if (!scan_text(&s)) {
    lua_pushfstring(L, "not JSON: %s at character %d", s.problem, (int)(s.at - text) + 1);
    return leave(L, top, false);
  }
  if (changed->state != CDFW_BUFFER_OK) luaL_error(L, "not enough memory");
  bool read = changed->length > 0 && decode(L, changed->data, changed->length);
  /* Without stand-ins; or once more for a position in the text as it came. */
  if (!read) read = decode(L, text, length);
  if (read && !mend_value(L, (flags & CDFW_JSON_STRIP_NULLS) != 0)) {
    lua_pushliteral(L, "not JSON that can be kept: a number is out of range");
    read = false;
  }
  cdfw_buffer_free(changed);
  return leave(L, top, read);
}
