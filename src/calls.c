/* SPDX-License-Identifier: Apache-2.0
 * All calls but a run: tokens, sessions, uploads, any endpoint of the project; see calls.h. */
#include "calls.h"

#include <string.h>

#include "arguments.h"
#include "error.h"
#include "json.h"
#include "object.h"
#include "text.h"

int cdfw_calls_auth(lua_State *L) {
  enum { CLIENT = 1, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->op.plan.token_only = true;
  cdfw_option_timeout(L, OPTIONS, call);
  return 1;
}

int cdfw_calls_session(lua_State *L) {
  enum { CLIENT = 1, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->op.plan.session_only = true;
  cdfw_option_timeout(L, OPTIONS, call);
  int results = cdfw_option_session(L, OPTIONS, call);
  if (results != 0) return results;
  lua_settop(L, CALL);
  return 1;
}

int cdfw_calls_upload(lua_State *L) {
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
  call->op.plan.reached = NULL;
  call->op.plan.is_upload = true;
  call->method = "PUT";
  call->result = CDFW_RESULT_NOTHING;
  call->has_body = true;
  size_t type_length;
  const char *type = cdfw_option_string(L, OPTIONS, "content_type", &type_length);
  call->content_type = NULL;
  if (type != NULL) {
    problem = cdfw_text_header_problem(type, type_length);
    if (problem != NULL) return cdfw_error_problem(L, "content_type", problem);
    cdfw_need(L, cdfw_message_add_header(&call->headers, "Content-Type", type));
  }
  cdfw_need(L, cdfw_buffer_add(&call->url, url, url_length));
  /* What follows the host may be a signature: errors show the scheme and host only. */
  call->path_offset = 0;
  cdfw_option_timeout(L, OPTIONS, call);
  if (!cdfw_buffer_add(&call->body, bytes, length))
    return cdfw_error_invalid(L, "bytes", "67108864", "bytes are more than 64 MiB");
  lua_settop(L, CALL);
  return 1;
}

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
  cdfw_need(L, cdfw_message_add_header(probe, name, ""));
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
  int type = cdfw_option_get(L, options, "headers");
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
  if (!cdfw_json_write(L, index, "body", &call->body)) return cdfw_option_json_error(L);
  return 0;
}

/* Where the nonce of a new session goes: nonce_in = "authentication" (body.authentication.nonce) or
   "nonce" (body.nonce), each also behind "items." for a body that is { items = { one } }. */
static int add_nonce_member(lua_State *L, int options, cdfw_call *call) {
  static const char items[] = "items.", items_json[] = "{\"items\":[{";
  size_t length;
  const char *place = cdfw_option_string(L, options, "nonce_in", &length);
  if (place == NULL) return 0;
  bool in_item = strncmp(place, items, strlen(items)) == 0;
  const char *member = in_item ? place + strlen(items) : place;
  const char *start = in_item ? items_json : "{";
  if (!call->has_body) cdfw_need(L, cdfw_buffer_adds(&call->body, "{}"));
  call->has_body = true;
  call->nonce_offset = strlen(start);
  call->nonce_in_authentication = strcmp(member, "authentication") == 0;
  if (!call->nonce_in_authentication && strcmp(member, "nonce") != 0)
    return luaL_error(L, "nonce_in must name authentication or nonce");
  if (strncmp(cdfw_buffer_text(&call->body), start, strlen(start)) != 0)
    return luaL_error(L, "the body has no place for a nonce in %s", place);
  return cdfw_option_nonce(L, options, call);
}

/* secrets = { texts in the body that a server may repeat in an error }. [-0, +1] */
static void read_secrets(lua_State *L, int options, cdfw_call *call) {
  size_t length;
  if (cdfw_option_get(L, options, "secrets") != LUA_TTABLE) return;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -1) == LUA_TSTRING) {
      const char *text = lua_tolstring(L, -1, &length);
      cdfw_need(L, cdfw_buffer_add(&call->secrets, text, length) &&
                       cdfw_buffer_addc(&call->secrets, '\0'));
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
  const char *repeat = cdfw_option_string(L, options, "repeats", &length);
  const char *result = cdfw_option_string(L, options, "result", &length);
  if (repeat != NULL && strcmp(repeat, "run") == 0) call->op.plan.repeat = CDFW_REPEAT_RUN;
  if (repeat != NULL && strcmp(repeat, "unsafe") == 0) call->op.plan.repeat = CDFW_REPEAT_UNSAFE;
  if (result != NULL && strcmp(result, "execution") == 0) call->result = CDFW_RESULT_EXECUTION;
  if (result != NULL && strcmp(result, "item") == 0) call->result = CDFW_RESULT_ITEM;
  if (result != NULL && strcmp(result, "gone") == 0) call->result = CDFW_RESULT_GONE;
  read_secrets(L, options, call);
  const char *execution = cdfw_option_string(L, options, "execution", &length);
  if (execution == NULL) return 0;
  cdfw_need(L,
            cdfw_buffer_add(&call->execution, execution, length) &&
                cdfw_buffer_add(&call->look_url, cdfw_buffer_text(&call->url), call->path_offset) &&
                cdfw_buffer_adds(&call->look_url, "/workflows/executions/") &&
                cdfw_text_add_segment(&call->look_url, execution, length));
  return cdfw_option_request_id(L, options, call, CDFW_LOOK_STATE);
}

/* root = true: the path begins at CDF itself, not under the project. */
static void begin_url(lua_State *L, int options, cdfw_call *call) {
  const cdfw_buffer *base = &call->client->base_url;
  cdfw_option_get(L, options, "root");
  bool root = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (!root)
    cdfw_call_begin_url(L, call);
  else
    cdfw_need(L, cdfw_buffer_add(&call->url, cdfw_buffer_text(base), base->length));
  call->path_offset = call->url.length;
}

int cdfw_calls_request(lua_State *L) {
  enum { CLIENT = 1, METHOD, PATH, BODY, OPTIONS, CALL };
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->method = check_method(L, METHOD);
  begin_url(L, OPTIONS, call);
  cdfw_option_timeout(L, OPTIONS, call);
  int results = read_nature(L, OPTIONS, call);
  if (results == 0) results = add_path(L, call, PATH);
  if (results == 0) results = add_headers(L, OPTIONS, call);
  if (results == 0) results = add_json_body(L, call, BODY);
  if (results == 0) results = add_nonce_member(L, OPTIONS, call);
  if (results != 0) return results;
  lua_settop(L, CALL);
  return 1;
}
