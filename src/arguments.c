/* SPDX-License-Identifier: Apache-2.0
 * Options and arguments; see arguments.h. */
#include "arguments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "json.h"
#include "object.h"
#include "text.h"

enum { NONCE_MAX = 4096 /* bytes; opaque, 16 in CDF's own example */ };

static const double longest_timeout = 86400 * 7; /* seconds */

/* {==== Options (a table or nil at `options`) ==== */

int cdfw_option_get(lua_State *L, int options, const char *name) {
  if (lua_istable(L, options))
    lua_getfield(L, options, name);
  else
    lua_pushnil(L);
  return lua_type(L, -1);
}

/* Whoever says how long a call may take means it, also where the server was never reached, unless
   `patient` is false: the time is the library's own. */
void cdfw_option_timeout(lua_State *L, int options, cdfw_call *call) {
  int type = cdfw_option_get(L, options, "timeout");
  if (type != LUA_TNIL) {
    double timeout = lua_tonumber(L, -1);
    if (type != LUA_TNUMBER || !(timeout > 0 && timeout <= longest_timeout))
      luaL_error(L, "timeout must be a number of seconds above 0 and at most 604800");
    call->op.plan.timeout = timeout;
    bool told = cdfw_option_get(L, options, "patient") == LUA_TNIL || lua_toboolean(L, -1);
    call->op.plan.is_patient = call->op.plan.is_patient || told;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

const char *cdfw_option_string(lua_State *L, int options, const char *name, size_t *length) {
  luaL_checkstack(L, LUA_MINSTACK, "options");
  int type = cdfw_option_get(L, options, name);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    luaL_error(L, "%s must be a string, not %s", name, luaL_typename(L, -1));
  return lua_tolstring(L, -1, length);
}

/* }==== */

/* {==== Sessions ==== */

static void add_client_credentials(lua_State *L, cdfw_call *call, const cdfw_credentials *pair) {
  cdfw_buffer *body = &call->session_body;
  cdfw_buffer_adds(body, "{\"items\":[{\"clientId\":");
  cdfw_text_add_json_string(body, cdfw_buffer_text(&pair->client_id), pair->client_id.length);
  cdfw_buffer_adds(body, ",\"clientSecret\":");
  cdfw_text_add_json_string(body, cdfw_buffer_text(&pair->client_secret),
                            pair->client_secret.length);
  cdfw_need(L, cdfw_buffer_adds(body, "}]}") &&
                   cdfw_buffer_add(&call->session_secret, cdfw_buffer_text(&pair->client_secret),
                                   pair->client_secret.length));
}

int cdfw_option_session(lua_State *L, int options, cdfw_call *call) {
  size_t length;
  const char *kind = cdfw_option_string(L, options, "session", &length);
  bool exchange = kind != NULL && strcmp(kind, "token_exchange") == 0;
  bool oneshot = kind != NULL && strcmp(kind, "oneshot") == 0;
  if (kind != NULL && !exchange && !oneshot && strcmp(kind, "client_credentials") != 0)
    return luaL_error(L,
                      "session must be \"client_credentials\", \"token_exchange\" or \"oneshot\"");
  const cdfw_credentials *pair = call->client->credentials;
  if (cdfw_option_get(L, options, "client_credentials") != LUA_TNIL) {
    if (exchange || oneshot)
      return luaL_error(L, "client_credentials do not go with session = \"%s\"", kind);
    pair = cdfw_credentials_push_pair(L, lua_gettop(L), "client_credentials");
    if (pair == NULL) return 2;
  }
  call->op.plan.wants_session = true;
  if (!exchange && !oneshot && cdfw_credentials_has_pair(pair))
    add_client_credentials(L, call, pair);
  else if (kind == NULL || exchange)
    cdfw_need(L, cdfw_buffer_adds(&call->session_body, "{\"items\":[{\"tokenExchange\":true}]}"));
  else if (oneshot)
    cdfw_need(
        L, cdfw_buffer_adds(&call->session_body, "{\"items\":[{\"oneshotTokenExchange\":true}]}"));
  else
    return cdfw_error_invalid(
        L, "session", "client_credentials",
        "session = \"client_credentials\" needs client_credentials, since the "
        "client's own credentials have no client_id and client_secret");
  return 0;
}

int cdfw_option_nonce(lua_State *L, int options, cdfw_call *call) {
  size_t length = 0;
  const char *nonce = cdfw_option_string(L, options, "nonce", &length);
  if (nonce == NULL || length == 0) return cdfw_option_session(L, options, call);
  if (length > NONCE_MAX || !cdfw_text_is_utf8(nonce, length) ||
      memchr(nonce, '\0', length) != NULL)
    return cdfw_error_problem(L, "nonce", "is no text of at most 4096 bytes");
  cdfw_need(L, cdfw_buffer_add(&call->nonce, nonce, length));
  call->op.plan.has_own_nonce = true;
  /* There is no other to repeat an upsert with. */
  if (call->op.plan.repeat == CDFW_REPEAT_SAFE) call->op.plan.repeat = CDFW_REPEAT_RUN;
  return 0;
}

/* }==== */

/* {==== Identifiers and pairs ==== */

/* Whether the value is a whole number that Lua holds exactly: a float is one up to 2^53. */
static bool is_whole(lua_State *L, int index) {
  static const double most = 9007199254740992.0;
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  if (cdfw_isinteger(L, index)) return true;
  double value = lua_tonumber(L, index);
  return value >= -most && value <= most && value == floor(value);
}

/* A whole number as its digits, on every Lua; a string as it is. [-0, +1] */
static void cdfw_identifier_push(lua_State *L, int index) {
  char digits[32];
  if (lua_type(L, index) != LUA_TNUMBER) {
    lua_pushvalue(L, index);
    return;
  }
  if (cdfw_isinteger(L, index))
    snprintf(digits, sizeof digits, "%lld", (long long)lua_tointeger(L, index));
  else
    snprintf(digits, sizeof digits, "%.0f", lua_tonumber(L, index));
  lua_pushstring(L, digits);
}

void cdfw_identifier_normalise(lua_State *L, int index) {
  cdfw_identifier_push(L, index);
  lua_replace(L, index);
}

int cdfw_identifier_add(lua_State *L, cdfw_buffer *out, int index, const char *name) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING && !is_whole(L, index))
    return luaL_error(L, "%s must be a string, not %s%s", name, luaL_typename(L, index),
                      lua_type(L, index) == LUA_TNUMBER ? " that is no whole one up to 2^53" : "");
  cdfw_identifier_push(L, index);
  const char *text = lua_tolstring(L, -1, &length);
  const char *problem = cdfw_text_identifier_problem(text, length);
  if (problem != NULL) return cdfw_error_problem(L, name, problem);
  cdfw_need(L, cdfw_text_add_segment(out, text, length));
  lua_pop(L, 1);
  return 0;
}

/* The key at `index` of a table of text by text. 0, or nil, err pushed. */
static int check_key(lua_State *L, int index, const char *field, double most) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING)
    return cdfw_error_invalid(L, field, "text by text", "%s has a key that is no string but a %s",
                              field, luaL_typename(L, index));
  const char *key = lua_tolstring(L, index, &length);
  if (!cdfw_text_is_utf8(key, length))
    return cdfw_error_problem(L, field, "has a key that is not valid UTF-8");
  if ((double)cdfw_text_characters(key, length) <= most) return 0;
  lua_pushfstring(L, "%d", (int)most);
  return cdfw_error_invalid(L, field, lua_tostring(L, -1), "%s has a key longer than %d characters",
                            field, (int)most);
}

/* The value at `index`, behind its key. 0, or nil, err pushed. */
static int check_value(lua_State *L, int index, const char *field, double most) {
  size_t length, key_length;
  const char *value = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &length) : NULL;
  bool is_utf8 = value != NULL && cdfw_text_is_utf8(value, length);
  if (is_utf8 && (double)cdfw_text_characters(value, length) <= most) return 0;
  const char *key = lua_tolstring(L, index - 1, &key_length);
  field = cdfw_json_push_path(L, field, key, key_length);
  if (value == NULL)
    return cdfw_error_invalid(L, field, "text by text", "%s must be a string, not %s", field,
                              luaL_typename(L, index));
  if (!is_utf8) return cdfw_error_problem(L, field, "is not valid UTF-8");
  lua_pushfstring(L, "is longer than %d characters", (int)most);
  return cdfw_error_problem(L, field, lua_tostring(L, -1));
}

int cdfw_pairs_check(lua_State *L, int index, const char *field, const cdfw_pairs_limits *limits,
                     int taken) {
  int pairs = taken;
  if (!lua_istable(L, index))
    return luaL_error(L, "%s must be a table, not %s", field, luaL_typename(L, index));
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    int value = lua_gettop(L);
    int results = check_key(L, value - 1, field, limits->key);
    if (results == 0) results = check_value(L, value, field, limits->value);
    if (results != 0) return results;
    pairs++;
    lua_settop(L, value - 1);
  }
  if (pairs <= limits->pairs) return 0;
  lua_pushfstring(L, "%d", limits->pairs);
  return cdfw_error_invalid(L, field, lua_tostring(L, -1),
                            "%s has %d pairs, and CDF takes at most %d%s", field, pairs - taken,
                            limits->pairs, taken > 0 ? ", one of them for the request_id" : "");
}

/* }==== */

int cdfw_option_json_error(lua_State *L) {
  return cdfw_error_invalid(L, lua_tostring(L, -3), lua_tostring(L, -2), "%s", lua_tostring(L, -1));
}

int cdfw_option_request_id(lua_State *L, int options, cdfw_call *call, cdfw_look_kind kind) {
  size_t length;
  const char *text = cdfw_option_string(L, options, "request_id", &length);
  if (text == NULL) return 0;
  const char *problem = cdfw_text_identifier_problem(text, length);
  if (problem != NULL) return cdfw_error_problem(L, "request_id", problem);
  cdfw_need(L, cdfw_buffer_add(&call->request_id, text, length));
  call->op.plan.look = kind;
  return 0;
}

int cdfw_arguments_segment(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_URL, false);
  int results = cdfw_identifier_add(L, out, 2, name);
  if (results != 0) return results;
  lua_pushlstring(L, cdfw_buffer_text(out), out->length);
  return 1;
}

int cdfw_arguments_identifier(lua_State *L) {
  size_t length;
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  cdfw_identifier_push(L, 2);
  const char *text = luaL_checklstring(L, 3, &length);
  const char *problem = cdfw_text_identifier_problem(text, length);
  return problem == NULL ? 1 : cdfw_error_problem(L, name, problem);
}

int cdfw_arguments_check_pairs(lua_State *L) {
  enum { FIELD = 1, PAIRS, MOST, LONGEST_KEY, LONGEST_VALUE };
  const char *field = luaL_checkstring(L, FIELD);
  const cdfw_pairs_limits limits = {(int)luaL_checkinteger(L, MOST),
                                    luaL_checknumber(L, LONGEST_KEY),
                                    luaL_checknumber(L, LONGEST_VALUE)};
  int results = cdfw_pairs_check(L, PAIRS, field, &limits, 0);
  if (results != 0) return results;
  lua_pushboolean(L, true);
  return 1;
}

int cdfw_arguments_form(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  cdfw_need(L, cdfw_text_add_form(out, text, length));
  lua_pushlstring(L, cdfw_buffer_text(out), out->length);
  return 1;
}
