/* SPDX-License-Identifier: Apache-2.0
 * Makes calls from Lua arguments; see run.h. The options tables were checked for unknown keys by
 * the Lua layer; types and values are checked here. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "error.h"
#include "json.h"
#include "object.h"
#include "text.h"

/* Limits of a run (CDF.md 4). The reference says 100 KB; above 102,400 bytes it is surely refused.
 */
enum {
  INPUT_MAX = 102400, /* bytes of JSON */
  NONCE_MAX = 4096    /* bytes; opaque, 16 in CDF's own example */
};

/* How large a table of text by text may be. */
typedef struct pairs_limits {
  int pairs;
  double key, value; /* characters */
} pairs_limits;

static const pairs_limits metadata_limits = {10, 32, 255};

static const double longest_timeout = 86400 * 7; /* seconds */

static void need(lua_State *L, bool added) {
  if (!added) luaL_error(L, "not enough memory");
}

/* {==== Options (a table or nil at `options`) ==== */

/* Pushes the option, nil when there is none. [-0, +1] → its type */
static int get_option(lua_State *L, int options, const char *name) {
  if (lua_istable(L, options))
    lua_getfield(L, options, name);
  else
    lua_pushnil(L);
  return lua_type(L, -1);
}

static void read_timeout(lua_State *L, int options, cdfw_call *call) {
  int type = get_option(L, options, "timeout");
  if (type != LUA_TNIL) {
    double timeout = lua_tonumber(L, -1);
    if (type != LUA_TNUMBER || !(timeout > 0 && timeout <= longest_timeout))
      luaL_error(L, "timeout must be a number of seconds above 0 and at most 604800");
    call->op.plan.timeout = timeout;
  }
  lua_pop(L, 1);
}

/* NULL for an absent option. The string stays on the stack: a metamethod of the options may have
   made it, and nothing else holds it. [-0, +1] */
static const char *string_option(lua_State *L, int options, const char *name, size_t *length) {
  luaL_checkstack(L, LUA_MINSTACK, "options");
  int type = get_option(L, options, name);
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
  need(L, cdfw_buffer_adds(body, "}]}") &&
              cdfw_buffer_add(&call->session_secret, cdfw_buffer_text(&pair->client_secret),
                              pair->client_secret.length));
}

/* The kind is one of three words, or NULL for the default: client credentials where there are some
   (given to the call, or the client's own), otherwise token exchange (CDF.md 3). Pushes nil, err
   when the credentials are unusable. [-0, +0] → 0, or [-0, +2] → 2 */
static int add_session(lua_State *L, int options, cdfw_call *call) {
  size_t length;
  const char *kind = string_option(L, options, "session", &length);
  bool exchange = kind != NULL && strcmp(kind, "token_exchange") == 0;
  bool oneshot = kind != NULL && strcmp(kind, "oneshot") == 0;
  if (kind != NULL && !exchange && !oneshot && strcmp(kind, "client_credentials") != 0)
    return luaL_error(L,
                      "session must be \"client_credentials\", \"token_exchange\" or \"oneshot\"");
  const cdfw_credentials *pair = call->client->credentials;
  if (get_option(L, options, "client_credentials") != LUA_TNIL) {
    if (exchange || oneshot)
      return luaL_error(L, "client_credentials do not go with session = \"%s\"", kind);
    pair = cdfw_credentials_push_pair(L, lua_gettop(L), "client_credentials");
    if (pair == NULL) return 2;
  }
  call->op.plan.wants_session = true;
  if (!exchange && !oneshot && cdfw_credentials_has_pair(pair))
    add_client_credentials(L, call, pair);
  else if (kind == NULL || exchange)
    need(L, cdfw_buffer_adds(&call->session_body, "{\"items\":[{\"tokenExchange\":true}]}"));
  else if (oneshot)
    need(L, cdfw_buffer_adds(&call->session_body, "{\"items\":[{\"oneshotTokenExchange\":true}]}"));
  else
    return cdfw_error_invalid(
        L, "session", "client_credentials",
        "session = \"client_credentials\" needs client_credentials, since the "
        "client's own credentials have no client_id and client_secret");
  return 0;
}

/* The caller's own nonce, or a session that gives one. An empty nonce counts as absent (CDF.md 3).
 */
static int add_nonce(lua_State *L, int options, cdfw_call *call) {
  size_t length = 0;
  const char *nonce = string_option(L, options, "nonce", &length);
  if (nonce == NULL || length == 0) return add_session(L, options, call);
  if (length > NONCE_MAX || !cdfw_text_is_utf8(nonce, length) ||
      memchr(nonce, '\0', length) != NULL)
    return cdfw_error_problem(L, "nonce", "is no text of at most 4096 bytes");
  need(L, cdfw_buffer_add(&call->nonce, nonce, length));
  call->op.plan.has_own_nonce = true;
  /* There is no other to repeat an upsert with. */
  if (call->op.plan.repeat == CDFW_REPEAT_SAFE) call->op.plan.repeat = CDFW_REPEAT_RUN;
  return 0;
}

/* }==== */

/* {==== Arguments of a run ==== */

/* Whether the value is a whole number that Lua holds exactly: a float is one up to 2^53. */
static bool is_whole(lua_State *L, int index) {
  static const double most = 9007199254740992.0;
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  if (cdfw_isinteger(L, index)) return true;
  double value = lua_tonumber(L, index);
  return value >= -most && value <= most && value == floor(value);
}

/* A whole number as its digits, on every Lua; a string as it is. [-0, +1] */
static void push_identifier(lua_State *L, int index) {
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

/* Turns a number at `index` into its digits. [-0, +0] */
static void normalise_identifier(lua_State *L, int index) {
  push_identifier(L, index);
  lua_replace(L, index);
}

/* Adds the identifier at `index` to the URL, as one segment. 0, or nil, err pushed. */
static int add_identifier(lua_State *L, cdfw_buffer *out, int index, const char *name) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING && !is_whole(L, index))
    return luaL_error(L, "%s must be a string, not %s%s", name, luaL_typename(L, index),
                      lua_type(L, index) == LUA_TNUMBER ? " that is no whole one up to 2^53" : "");
  push_identifier(L, index);
  const char *text = lua_tolstring(L, -1, &length);
  const char *problem = cdfw_text_identifier_problem(text, length);
  if (problem != NULL) return cdfw_error_problem(L, name, problem);
  need(L, cdfw_text_add_segment(out, text, length));
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

/* Whether CDF would take the table at `index`, of text by text, `taken` pairs of which are others.
   [-0, +0] → 0, or nil, err pushed. */
static int check_pairs(lua_State *L, int index, const char *field, const pairs_limits *limits,
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

/* What cdfw_json_write pushed, as an error. [-0, +2] */
static int json_error(lua_State *L) {
  return cdfw_error_invalid(L, lua_tostring(L, -3), lua_tostring(L, -2), "%s", lua_tostring(L, -1));
}

/* JSON text of the caller's own may begin with blanks. */
static bool begins_object(const char *json) {
  return json[strspn(json, " \t\r\n")] == '{';
}

/* Adds the JSON of the object at `index` to the call's body as member `name`; `limit` in bytes.
   0, or nil, err pushed. */
static int add_object_member(lua_State *L, cdfw_call *call, int index, const char *name,
                             size_t limit) {
  if (!lua_istable(L, index) && !cdfw_json_test_raw(L, index))
    return luaL_error(L, "%s must be a table, not %s", name, luaL_typename(L, index));
  cdfw_buffer *text = cdfw_scratch_push(L, limit, true);
  if (!cdfw_json_write(L, index, name, text)) return json_error(L);
  if (!begins_object(cdfw_buffer_text(text)))
    return cdfw_error_problem(L, name, "must be a JSON object, not an array");
  if (call->body.length > 1) cdfw_buffer_addc(&call->body, ',');
  cdfw_text_add_json_string(&call->body, name, strlen(name));
  cdfw_buffer_addc(&call->body, ':');
  need(L, cdfw_buffer_add(&call->body, cdfw_buffer_text(text), text->length));
  cdfw_buffer_free(text); /* now: the collector knows nothing of its size */
  lua_pop(L, 1);
  return 0;
}

/* Replaces the metadata on the top by a copy that bears the request id as well. [-1, +1] */
static void mark_metadata(lua_State *L, const cdfw_call *call) {
  int given = lua_gettop(L);
  lua_newtable(L);
  if (lua_istable(L, given)) {
    lua_pushnil(L);
    while (lua_next(L, given) != 0) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_pushlstring(L, cdfw_buffer_text(&call->request_id), call->request_id.length);
  lua_setfield(L, -2, CDFW_REQUEST_ID_KEY);
  lua_replace(L, given);
}

static int add_metadata(lua_State *L, int options, cdfw_call *call) {
  bool marked = call->request_id.length > 0;
  int results = 0;
  int type = get_option(L, options, "metadata");
  if (type == LUA_TNIL && !marked) return 0;
  if (type != LUA_TNIL)
    results = check_pairs(L, lua_gettop(L), "metadata", &metadata_limits, marked ? 1 : 0);
  if (results != 0) return results;
  if (marked) mark_metadata(L, call);
  return add_object_member(L, call, lua_gettop(L), "metadata", CDFW_MAX_BODY);
}

/* request_id: makes the call one that can be looked up, by `kind`. 0, or nil, err pushed. */
static int read_request_id(lua_State *L, int options, cdfw_call *call, cdfw_look_kind kind) {
  size_t length;
  const char *text = string_option(L, options, "request_id", &length);
  if (text == NULL) return 0;
  const char *problem = cdfw_text_identifier_problem(text, length);
  if (problem != NULL) return cdfw_error_problem(L, "request_id", problem);
  need(L, cdfw_buffer_add(&call->request_id, text, length));
  call->op.plan.look = kind;
  return 0;
}

/* look_back: seconds. CDF keeps executions for three months (CDF.md 5). */
static int read_look_back(lua_State *L, int options, cdfw_call *call) {
  static const double longest = 92 * 86400;
  int type = get_option(L, options, "look_back");
  double seconds = lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (type == LUA_TNIL) return 0;
  if (type != LUA_TNUMBER || !(seconds >= 0 && seconds <= longest))
    return luaL_error(L, "look_back must be a number of seconds from 0 to 7948800");
  if (call->op.plan.look != CDFW_LOOK_MARK)
    return luaL_error(L, "look_back needs a request_id to look for");
  call->op.plan.look_back = seconds;
  return 0;
}

/* [{"externalId": …, "version": …}], for looking among the executions of what is being run. */
static void add_look(lua_State *L, cdfw_call *call, int workflow, int version) {
  size_t workflow_length, version_length;
  const char *workflow_text = lua_tolstring(L, workflow, &workflow_length);
  const char *version_text = lua_tolstring(L, version, &version_length);
  cdfw_buffer *filter = &call->look_filter;
  cdfw_buffer_add(&call->look_url, cdfw_buffer_text(&call->url), call->path_offset);
  cdfw_buffer_adds(filter, "[{\"externalId\":");
  cdfw_text_add_json_string(filter, workflow_text, workflow_length);
  cdfw_buffer_adds(filter, ",\"version\":");
  cdfw_text_add_json_string(filter, version_text, version_length);
  need(L, cdfw_buffer_adds(&call->look_url, "/workflows/executions/list") &&
              cdfw_buffer_adds(filter, "}]"));
}

static int add_run_body(lua_State *L, int options, cdfw_call *call) {
  int results = 0;
  need(L, cdfw_buffer_addc(&call->body, '{'));
  call->has_body = true;
  if (get_option(L, options, "input") != LUA_TNIL)
    results = add_object_member(L, call, lua_gettop(L), "input", INPUT_MAX);
  if (results == 0) results = add_metadata(L, options, call);
  if (results == 0) need(L, cdfw_buffer_addc(&call->body, '}'));
  return results;
}

/* }==== */

int cdfw_run_run(lua_State *L) {
  enum { CLIENT = 1, WORKFLOW, VERSION, OPTIONS, CALL };
  size_t length;
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->result = CDFW_RESULT_EXECUTION;
  call->op.plan.repeat = CDFW_REPEAT_RUN;
  cdfw_call_begin_url(L, call);
  need(L, cdfw_buffer_adds(&call->url, "/workflows/"));
  int results = add_identifier(L, &call->url, WORKFLOW, "workflow_external_id");
  need(L, cdfw_buffer_adds(&call->url, "/versions/"));
  if (results == 0) results = add_identifier(L, &call->url, VERSION, "version");
  need(L, cdfw_buffer_adds(&call->url, "/run"));
  if (results == 0) results = read_request_id(L, OPTIONS, call, CDFW_LOOK_MARK);
  if (results == 0) results = read_look_back(L, OPTIONS, call);
  if (results == 0) results = add_run_body(L, OPTIONS, call);
  if (results == 0) results = add_nonce(L, OPTIONS, call);
  if (results != 0) return results;
  call->nonce_in_authentication = true;
  call->nonce_offset = strlen("{");
  normalise_identifier(L, WORKFLOW);
  normalise_identifier(L, VERSION);
  const char *workflow = lua_tolstring(L, WORKFLOW, &length);
  need(L, cdfw_buffer_add(&call->workflow, workflow, length));
  const char *version = lua_tolstring(L, VERSION, &length);
  need(L, cdfw_buffer_add(&call->version, version, length));
  if (call->op.plan.look == CDFW_LOOK_MARK) add_look(L, call, WORKFLOW, VERSION);
  read_timeout(L, OPTIONS, call);
  lua_settop(L, CALL);
  return 1;
}

int cdfw_run_auth(lua_State *L) {
  enum { CLIENT = 1, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->op.plan.token_only = true;
  read_timeout(L, OPTIONS, call);
  return 1;
}

int cdfw_run_session(lua_State *L) {
  enum { CLIENT = 1, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->op.plan.session_only = true;
  read_timeout(L, OPTIONS, call);
  int results = add_session(L, OPTIONS, call);
  if (results != 0) return results;
  lua_settop(L, CALL);
  return 1;
}

int cdfw_run_upload(lua_State *L) {
  enum { CLIENT = 1, URL, BYTES, OPTIONS, CALL };
  size_t url_length, length;
  const char *url = luaL_checklstring(L, URL, &url_length);
  const char *bytes = luaL_checklstring(L, BYTES, &length);
  lua_settop(L, OPTIONS);
  const char *problem = cdfw_text_url_problem(url, url_length);
  if (problem != NULL) return cdfw_error_problem(L, "uploadUrl", problem);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  /* The upload URL is itself the permission, and its host may belong to somebody else. */
  call->op.plan.auth = NULL;
  call->op.plan.is_upload = true;
  call->method = "PUT";
  call->result = CDFW_RESULT_NOTHING;
  call->has_body = true;
  size_t type_length;
  const char *type = string_option(L, OPTIONS, "content_type", &type_length);
  call->content_type = NULL;
  if (type != NULL) {
    problem = cdfw_text_header_problem(type, type_length);
    if (problem != NULL) return cdfw_error_problem(L, "content_type", problem);
    need(L, cdfw_message_add_header(&call->headers, "Content-Type", type));
  }
  need(L, cdfw_buffer_add(&call->url, url, url_length));
  /* What follows the host may be a signature: errors show the scheme and host only. */
  call->path_offset = 0;
  read_timeout(L, OPTIONS, call);
  if (!cdfw_buffer_add(&call->body, bytes, length))
    return cdfw_error_invalid(L, "bytes", "67108864", "bytes are more than 64 MiB");
  lua_settop(L, CALL);
  return 1;
}

/* {==== Any other call ==== */

static const char *check_method(lua_State *L, int index) {
  static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};
  return methods[luaL_checkoption(L, index, NULL, methods)];
}

/* Behind the dots at `at`, escaped or not; sets how many they are. */
static const char *skip_dots(const char *at, size_t *count) {
  for (*count = 0;; ++*count) {
    if (*at == '.')
      at++;
    else if (at[0] == '%' && at[1] == '2' && (at[2] == 'e' || at[2] == 'E'))
      at += 3;
    else
      return at;
  }
}

static bool has_dot_segment(const char *path, size_t length) {
  for (size_t i = 0; i < length; i++) {
    size_t dots;
    if (path[i] != '/') continue;
    char next = *skip_dots(path + i + 1, &dots);
    if ((dots == 1 || dots == 2) && (next == '/' || next == '\0' || next == '?')) return true;
  }
  return false;
}

static int add_path(lua_State *L, cdfw_call *call, int index) {
  size_t length;
  const char *path = luaL_checklstring(L, index, &length);
  size_t path_only = strcspn(path, "?");
  if (path[0] != '/')
    return cdfw_error_problem(L, "path", "must begin with '/' (it is under the project)");
  for (size_t i = 0; i < length; i++)
    if (path[i] <= ' ' || path[i] >= 0x7f || path[i] == '#')
      return cdfw_error_problem(L, "path", "contains a character that must be percent-encoded");
  if (has_dot_segment(path, path_only))
    return cdfw_error_problem(L, "path", "contains a '.' or '..' segment");
  if (!cdfw_buffer_add(&call->url, path, length))
    return cdfw_error_invalid(L, "path", "16384", "path is longer than 16 KiB");
  return 0;
}

/* A header of the caller's own: not one that this library stands for. */
static int add_header(lua_State *L, cdfw_call *call) {
  static const char *const ours[] = {"authorization",     "content-length", "content-type", "host",
                                     "transfer-encoding", "connection",     "cookie"};
  static const char token[] =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  size_t name_length, length;
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L, "headers must map strings to strings");
  const char *name = lua_tolstring(L, -2, &name_length);
  const char *value = lua_tolstring(L, -1, &length);
  if (name_length == 0 || strspn(name, token) != name_length)
    return cdfw_error_problem(L, "headers", "has a name that is no header name");
  cdfw_buffer *probe = cdfw_scratch_push(L, CDFW_MAX_HEADERS, false);
  need(L, cdfw_message_add_header(probe, name, ""));
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (cdfw_message_find_header(probe, ours[i]) != NULL)
      return cdfw_error_invalid(L, "headers", "none of this library's own",
                                "headers may not set %s", ours[i]);
  lua_pop(L, 1);
  const char *problem = cdfw_text_header_problem(value, length);
  if (problem != NULL)
    return cdfw_error_problem(L, cdfw_json_push_path(L, "headers", name, name_length), problem);
  if (!cdfw_message_add_header(&call->headers, name, value))
    return cdfw_error_invalid(L, "headers", "65536", "headers are larger than 64 KiB");
  return 0;
}

static int add_headers(lua_State *L, int options, cdfw_call *call) {
  int type = get_option(L, options, "headers");
  if (type != LUA_TNIL && type != LUA_TTABLE)
    return luaL_error(L, "headers must be a table, not %s", luaL_typename(L, -1));
  if (type == LUA_TTABLE) {
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
      int results = add_header(L, call);
      if (results != 0) return results;
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  return 0;
}

static int add_json_body(lua_State *L, cdfw_call *call, int index) {
  if (lua_isnil(L, index)) return 0;
  call->has_body = true;
  if (!cdfw_json_write(L, index, "body", &call->body)) return json_error(L);
  return 0;
}

/* Where the nonce of a new session goes: nonce_in = "authentication" (body.authentication.nonce) or
   "nonce" (body.nonce), each also behind "items." for a body that is { items = { one } }. */
static int add_nonce_member(lua_State *L, int options, cdfw_call *call) {
  static const char items[] = "items.", items_json[] = "{\"items\":[{";
  size_t length;
  const char *place = string_option(L, options, "nonce_in", &length);
  if (place == NULL) return 0;
  bool in_item = strncmp(place, items, strlen(items)) == 0;
  const char *member = in_item ? place + strlen(items) : place;
  const char *start = in_item ? items_json : "{";
  if (!call->has_body) need(L, cdfw_buffer_adds(&call->body, "{}"));
  call->has_body = true;
  call->nonce_offset = strlen(start);
  call->nonce_in_authentication = strcmp(member, "authentication") == 0;
  if (!call->nonce_in_authentication && strcmp(member, "nonce") != 0)
    return luaL_error(L, "nonce_in must name authentication or nonce");
  if (strncmp(cdfw_buffer_text(&call->body), start, strlen(start)) != 0)
    return luaL_error(L, "the body has no place for a nonce in %s", place);
  return add_nonce(L, options, call);
}

/* secrets = { texts in the body that a server may repeat in an error }. [-0, +1] */
static void read_secrets(lua_State *L, int options, cdfw_call *call) {
  size_t length;
  if (get_option(L, options, "secrets") != LUA_TTABLE) return;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -1) == LUA_TSTRING) {
      const char *text = lua_tolstring(L, -1, &length);
      need(L,
           cdfw_buffer_add(&call->secrets, text, length) && cdfw_buffer_addc(&call->secrets, '\0'));
    }
    lua_pop(L, 1);
  }
}

/* What repeating the call would do: repeats = "safe" (default), "run" or "unsafe", see policy.h;
   and what it answers: result = "execution" for an execution that must be whole, of the id
   `execution` where that is given; "item" for items that must hold one; "gone" for a deletion. With
   request_id a lost answer is looked up in that execution. 0, or nil, err pushed.
 */
static int read_nature(lua_State *L, int options, cdfw_call *call) {
  size_t length;
  const char *repeat = string_option(L, options, "repeats", &length);
  const char *result = string_option(L, options, "result", &length);
  if (repeat != NULL && strcmp(repeat, "run") == 0) call->op.plan.repeat = CDFW_REPEAT_RUN;
  if (repeat != NULL && strcmp(repeat, "unsafe") == 0) call->op.plan.repeat = CDFW_REPEAT_UNSAFE;
  if (result != NULL && strcmp(result, "execution") == 0) call->result = CDFW_RESULT_EXECUTION;
  if (result != NULL && strcmp(result, "item") == 0) call->result = CDFW_RESULT_ITEM;
  if (result != NULL && strcmp(result, "gone") == 0) call->result = CDFW_RESULT_GONE;
  read_secrets(L, options, call);
  const char *execution = string_option(L, options, "execution", &length);
  if (execution == NULL) return 0;
  need(L, cdfw_buffer_add(&call->execution, execution, length) &&
              cdfw_buffer_add(&call->look_url, cdfw_buffer_text(&call->url), call->path_offset) &&
              cdfw_buffer_adds(&call->look_url, "/workflows/executions/") &&
              cdfw_text_add_segment(&call->look_url, execution, length));
  return read_request_id(L, options, call, CDFW_LOOK_STATE);
}

/* root = true: the path begins at CDF itself, not under the project. */
static void begin_url(lua_State *L, int options, cdfw_call *call) {
  const cdfw_buffer *base = &call->client->base_url;
  get_option(L, options, "root");
  bool root = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (!root)
    cdfw_call_begin_url(L, call);
  else
    need(L, cdfw_buffer_add(&call->url, cdfw_buffer_text(base), base->length));
  call->path_offset = call->url.length;
}

int cdfw_run_request(lua_State *L) {
  enum { CLIENT = 1, METHOD, PATH, BODY, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->method = check_method(L, METHOD);
  begin_url(L, OPTIONS, call);
  read_timeout(L, OPTIONS, call);
  int results = read_nature(L, OPTIONS, call);
  if (results == 0) results = add_path(L, call, PATH);
  if (results == 0) results = add_headers(L, OPTIONS, call);
  if (results == 0) results = add_json_body(L, call, BODY);
  if (results == 0) results = add_nonce_member(L, OPTIONS, call);
  if (results != 0) return results;
  lua_settop(L, CALL);
  return 1;
}

/* }==== */

int cdfw_run_segment(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_URL, false);
  int results = add_identifier(L, out, 2, name);
  if (results != 0) return results;
  lua_pushlstring(L, cdfw_buffer_text(out), out->length);
  return 1;
}

int cdfw_run_identifier(lua_State *L) {
  size_t length;
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  push_identifier(L, 2);
  const char *text = luaL_checklstring(L, 3, &length);
  const char *problem = cdfw_text_identifier_problem(text, length);
  return problem == NULL ? 1 : cdfw_error_problem(L, name, problem);
}

int cdfw_run_check_pairs(lua_State *L) {
  enum { FIELD = 1, PAIRS, MOST, LONGEST_KEY, LONGEST_VALUE };
  const char *field = luaL_checkstring(L, FIELD);
  const pairs_limits limits = {(int)luaL_checkinteger(L, MOST), luaL_checknumber(L, LONGEST_KEY),
                               luaL_checknumber(L, LONGEST_VALUE)};
  int results = check_pairs(L, PAIRS, field, &limits, 0);
  if (results != 0) return results;
  lua_pushboolean(L, true);
  return 1;
}

int cdfw_run_form(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  need(L, cdfw_text_add_form(out, text, length));
  lua_pushlstring(L, cdfw_buffer_text(out), out->length);
  return 1;
}
