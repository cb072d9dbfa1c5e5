/* SPDX-License-Identifier: Apache-2.0
 * Error tables; see error.h. Texts from outside are made one line and are cut, so that an error can
 * go into any log. */
#include "error.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "spelling.h"

static const char error_class[] = "cdfworkflow.error";

enum {
  LONGEST_TEXT = 1000, /* bytes of a text from outside that are worth showing */
  DEEPEST = 16         /* levels of `missing`, `duplicated` and `extra` that are kept */
};

/* Where a text longer than the limit may be cut without splitting a UTF-8 character. */
static size_t cut_length(const char *text, size_t length) {
  if (length <= LONGEST_TEXT) return length;
  length = LONGEST_TEXT;
  while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
    length--;
  return length;
}

static void push_line(lua_State *L, const char *text, size_t length) {
  luaL_Buffer line;
  size_t shown = cut_length(text, length);
  luaL_buffinit(L, &line);
  for (size_t i = 0; i < shown; i++) {
    unsigned char c = (unsigned char)text[i];
    luaL_addchar(&line, c < 0x20 || c == 0x7f ? ' ' : text[i]);
  }
  if (shown < length) luaL_addstring(&line, "...");
  luaL_pushresult(&line);
}

/* Turns the string on the top of the stack into the `message` of a new error. [-1, +1] */
static void push_with_message(lua_State *L, const char *kind) {
  size_t length;
  lua_createtable(L, 0, 6);
  luaL_getmetatable(L, error_class);
  lua_setmetatable(L, -2);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  const char *message = lua_tolstring(L, -2, &length);
  push_line(L, message, length);
  lua_setfield(L, -2, "message");
  lua_remove(L, -2);
}

void cdfw_error_push(lua_State *L, const char *kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  push_with_message(L, kind);
}

static const char digits[] = "0123456789";

/* Sets `limit` of the error on the top: the figure at `figure`, or `words` where there is none.
   [-0, +0] */
static void set_limit(lua_State *L, const char *figure, const char *words) {
  if (*figure != '\0')
    lua_pushinteger(L, atol(figure));
  else
    lua_pushstring(L, words);
  lua_setfield(L, -2, "limit");
}

int cdfw_error_invalid(lua_State *L, const char *field, const char *limit, const char *format,
                       ...) {
  va_list arguments;
  bool is_figure = limit[strspn(limit, digits)] == '\0';
  lua_pushnil(L);
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  push_with_message(L, "invalid");
  cdfw_error_set(L, "field", field);
  set_limit(L, is_figure ? limit : "", limit);
  return 2;
}

/* The first number that is a word of its own ("UTF-8" has none), or the end of the text. */
static const char *figure_in(const char *text) {
  for (; *text != '\0'; text++)
    if (text[0] == ' ' && text[1] >= '0' && text[1] <= '9') return text + 1;
  return text;
}

int cdfw_error_problem(lua_State *L, const char *field, const char *problem) {
  cdfw_error_invalid(L, field, problem, "%s %s", field, problem);
  set_limit(L, figure_in(problem), problem);
  return 2;
}

void cdfw_error_set(lua_State *L, const char *member, const char *text) {
  if (text == NULL) return;
  push_line(L, text, strlen(text));
  lua_setfield(L, -2, member);
}

/* {==== Redaction ==== */

typedef struct redaction {
  const cdfw_buffer *secrets; /* see error.h */
  cdfw_buffer *clean;         /* room for one text */
} redaction;

/* Replaces the string on the top of the stack by one without the secrets; whether it held any.
   [-1, +1] */
static bool redact_string(lua_State *L, const redaction *r) {
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  cdfw_buffer_clear(r->clean);
  cdfw_spelling found = cdfw_spelling_redact(text, length, r->secrets, r->clean);
  if (found == CDFW_SPELLING_NO_MEMORY) luaL_error(L, "not enough memory");
  if (found == CDFW_SPELLING_CLEAN) return false;
  lua_pushlstring(L, cdfw_buffer_text(r->clean), r->clean->length);
  lua_replace(L, -2);
  return true;
}

/* Whether the key below the top holds a secret. [-0, +0] */
static bool is_secret_key(lua_State *L, const redaction *r) {
  if (lua_type(L, -2) != LUA_TSTRING) return false;
  lua_pushvalue(L, -2);
  bool holds = redact_string(L, r);
  lua_pop(L, 1);
  return holds;
}

/* Replaces the value on the top of the stack by one without the secrets. A member whose key holds
   one is dropped, since a table may get no new keys while it is walked. [-1, +1] */
static void redact_value(lua_State *L, const redaction *r, int depth) {
  if (lua_type(L, -1) == LUA_TSTRING) redact_string(L, r);
  if (!lua_istable(L, -1)) return;
  if (depth >= DEEPEST) {
    lua_pop(L, 1);
    lua_pushliteral(L, "[too deep]");
    return;
  }
  luaL_checkstack(L, 6, "error too deep");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (is_secret_key(L, r)) {
      lua_pop(L, 1);
      lua_pushnil(L);
    } else {
      redact_value(L, r, depth + 1);
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

void cdfw_error_redact(lua_State *L, const cdfw_buffer *secrets) {
  luaL_checkstack(L, 8, "error");
  redaction r = {secrets, cdfw_scratch_push(L, (size_t)-1 / 4, true)};
  lua_insert(L, -2);
  redact_value(L, &r, 0);
  cdfw_buffer_free(r.clean);
  lua_remove(L, -2);
}

/* }==== */

/* {==== Lua ==== */

int cdfw_error_new(lua_State *L) {
  size_t length;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "message");
  const char *message = lua_tolstring(L, -1, &length);
  if (message != NULL) {
    push_line(L, message, length);
    lua_setfield(L, 1, "message");
  }
  lua_settop(L, 1);
  luaL_getmetatable(L, error_class);
  lua_setmetatable(L, 1);
  return 1;
}

/* "message (kind, request id …)"; the status is in the message already. */
static int error_tostring(lua_State *L) {
  lua_settop(L, 1);
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "kind");
  lua_getfield(L, 1, "requestId");
  const char *message = lua_tostring(L, 2);
  const char *kind = lua_tostring(L, 3);
  const char *request_id = lua_tostring(L, 4);
  lua_pushfstring(L, "%s (%s%s%s)", message != NULL ? message : "no message",
                  kind != NULL ? kind : "error", request_id != NULL ? ", request id " : "",
                  request_id != NULL ? request_id : "");
  return 1;
}

static const luaL_Reg error_methods[] = {{"__tostring", error_tostring}, {NULL, NULL}};

void cdfw_error_open(lua_State *L) {
  if (luaL_newmetatable(L, error_class)) {
    cdfw_setfuncs(L, error_methods);
    lua_pushstring(L, error_class);
    lua_setfield(L, -2, "__name");
  }
  lua_pop(L, 1);
}

/* }==== */
