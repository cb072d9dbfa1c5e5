/* SPDX-License-Identifier: Apache-2.0
 * Userdata shared between rooms; see object.h. A host's own transport reads a request's fields from
 * Lua, so they are there by name, but `tostring` and iteration show none of them. */
#include "object.h"

#include <math.h>
#include <string.h>

#include "redact.h"

static const char scratch_class[] = "cdfworkflow.scratch";
static const char request_class[] = "cdfworkflow.request";
static const char response_class[] = "cdfworkflow.response";

void *cdfw_object_push(lua_State *L, size_t size, const char *class_name) {
  void *object = cdfw_newuserdata(L, size);
  memset(object, 0, size);
  cdfw_getclass(L, class_name);
  lua_setmetatable(L, -2);
  return object;
}

void cdfw_object_class(lua_State *L, const char *class_name, const luaL_Reg *methods) {
  if (luaL_newmetatable(L, class_name)) {
    cdfw_setfuncs(L, methods);
    lua_getfield(L, -1, "__index");
    if (lua_isnil(L, -1)) {
      lua_pushvalue(L, -2);
      lua_setfield(L, -3, "__index");
    }
    lua_pop(L, 1);
    /* Hides the metatable from scripts: nobody swaps __gc under us. */
    lua_pushstring(L, class_name);
    lua_setfield(L, -2, "__metatable");
  }
  cdfw_rawsetp(L, LUA_REGISTRYINDEX, class_name);
}

/* {==== Scratch ==== */

void cdfw_need(lua_State *L, bool added) {
  if (!added) luaL_error(L, "not enough memory");
}

cdfw_buffer *cdfw_scratch_push(lua_State *L, size_t ceiling, bool secret) {
  cdfw_buffer *buffer = cdfw_object_push(L, sizeof *buffer, scratch_class);
  cdfw_buffer_init(buffer, ceiling, secret);
  return buffer;
}

static int scratch_gc(lua_State *L) {
  cdfw_buffer_free(cdfw_checkudata(L, 1, scratch_class));
  return 0;
}

static const luaL_Reg scratch_methods[] = {{"__gc", scratch_gc}, {NULL, NULL}};

/* }==== */

/* {==== Requests ==== */

cdfw_request *cdfw_request_push(lua_State *L) {
  cdfw_request *request = cdfw_object_push(L, sizeof *request, request_class);
  cdfw_request_init(request);
  return request;
}

cdfw_request *cdfw_request_check(lua_State *L, int index) {
  return cdfw_checkudata(L, index, request_class);
}

static int request_gc(lua_State *L) {
  cdfw_request_free(cdfw_request_check(L, 1));
  return 0;
}

static int request_tostring(lua_State *L) {
  cdfw_request *request = cdfw_request_check(L, 1);
  const char *url = cdfw_buffer_text(&request->url);
  lua_pushfstring(L, "request: %s ", request->method);
  lua_pushlstring(L, url, cdfw_message_shown(url, request->private_url));
  lua_concat(L, 2);
  return 1;
}

/* Header names are case-insensitive; an answer's are lowered so that Lua can look them up. */
static void push_header_name(lua_State *L, const char *name, size_t length, bool lower) {
  luaL_Buffer name_buffer;
  luaL_buffinit(L, &name_buffer);
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    luaL_addchar(&name_buffer, lower && c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c);
  }
  luaL_pushresult(&name_buffer);
}

enum header_view { AS_SENT, LOWERED, REDACTED };

/* [-0, +1] */
static void push_header_table(lua_State *L, const cdfw_buffer *headers, enum header_view view) {
  const char *line = NULL;
  lua_newtable(L);
  while ((line = cdfw_message_next_header(headers, line)) != NULL) {
    const char *colon = strchr(line, ':');
    if (colon == NULL) continue;
    size_t length = (size_t)(colon - line);
    bool hidden = view == REDACTED && cdfw_redact_is_secret(line, length);
    push_header_name(L, line, length, view == LOWERED);
    lua_pushstring(L, hidden ? CDFW_REDACTED : colon + 1 + strspn(colon + 1, " \t"));
    lua_rawset(L, -3);
  }
}

/* [-0, +1] */
static void push_redacted_body(lua_State *L, const cdfw_request *request) {
  static const size_t no_ceiling = (size_t)-1 / 4;
  cdfw_buffer *body = cdfw_scratch_push(L, no_ceiling, false);
  if (!cdfw_redact_body(request, body)) luaL_error(L, "not enough memory");
  lua_pushlstring(L, cdfw_buffer_text(body), body->length);
  cdfw_buffer_free(body);
  lua_remove(L, -2);
}

/* The request as an event shows it: { method =, url =, headers =, body = }, with nothing secret in
   it. [-0, +1] */
static void push_redacted(lua_State *L, const cdfw_request *request) {
  const char *url = cdfw_buffer_text(&request->url);
  lua_createtable(L, 0, 6);
  lua_pushstring(L, request->method);
  lua_setfield(L, -2, "method");
  lua_pushlstring(L, url, cdfw_message_shown(url, request->private_url));
  lua_setfield(L, -2, "url");
  push_header_table(L, &request->headers, REDACTED);
  lua_setfield(L, -2, "headers");
  if (!request->has_body) return;
  push_redacted_body(L, request);
  lua_setfield(L, -2, "body");
}

static int request_index(lua_State *L) {
  cdfw_request *request = cdfw_request_check(L, 1);
  const char *key = luaL_checkstring(L, 2);
  if (strcmp(key, "method") == 0)
    lua_pushstring(L, request->method);
  else if (strcmp(key, "url") == 0)
    lua_pushlstring(L, cdfw_buffer_text(&request->url), request->url.length);
  else if (strcmp(key, "headers") == 0)
    push_header_table(L, &request->headers, AS_SENT);
  else if (strcmp(key, "body") == 0 && request->has_body)
    lua_pushlstring(L, cdfw_buffer_text(&request->body), request->body.length);
  else if (strcmp(key, "timeout") == 0)
    lua_pushnumber(L, request->timeout);
  else if (strcmp(key, "connect_timeout") == 0)
    lua_pushnumber(L, request->connect_timeout);
  else if (strcmp(key, "max_response_size") == 0)
    lua_pushnumber(L, (lua_Number)request->max_response_size);
  else if (strcmp(key, "redacted") == 0)
    push_redacted(L, request);
  else
    lua_pushnil(L);
  return 1;
}

/* request.timeout = seconds: less, where some of it was spent before the request is sent. */
static int request_newindex(lua_State *L) {
  cdfw_request *request = cdfw_request_check(L, 1);
  double seconds = luaL_checknumber(L, 3);
  if (strcmp(luaL_checkstring(L, 2), "timeout") != 0)
    return luaL_error(L, "only the timeout of a request can be changed");
  request->timeout = fmin(request->timeout, seconds);
  request->connect_timeout = fmin(request->connect_timeout, seconds);
  return 0;
}

static const luaL_Reg request_methods[] = {{"__gc", request_gc},
                                           {"__tostring", request_tostring},
                                           {"__index", request_index},
                                           {"__newindex", request_newindex},
                                           {NULL, NULL}};

/* }==== */

/* {==== Responses ==== */

cdfw_response *cdfw_response_push(lua_State *L, size_t max_body) {
  cdfw_response *response = cdfw_object_push(L, sizeof *response, response_class);
  cdfw_response_init(response, max_body);
  return response;
}

cdfw_response *cdfw_response_test(lua_State *L, int index) {
  return cdfw_testudata(L, index, response_class);
}

static cdfw_response *check_response(lua_State *L) {
  return cdfw_checkudata(L, 1, response_class);
}

static int response_gc(lua_State *L) {
  cdfw_response_free(check_response(L));
  return 0;
}

static int response_tostring(lua_State *L) {
  cdfw_response *response = check_response(L);
  if (response->failure != CDFW_FAILURE_NONE)
    lua_pushfstring(L, "response: failure %s", cdfw_failure_name(response->failure));
  else
    lua_pushfstring(L, "response: status %d", response->status);
  return 1;
}

static int response_index(lua_State *L) {
  cdfw_response *response = check_response(L);
  const char *key = luaL_checkstring(L, 2);
  bool failed = response->failure != CDFW_FAILURE_NONE;
  if (strcmp(key, "status") == 0 && !failed)
    lua_pushinteger(L, response->status);
  else if (strcmp(key, "headers") == 0)
    push_header_table(L, &response->headers, LOWERED);
  else if (strcmp(key, "body") == 0)
    lua_pushlstring(L, cdfw_buffer_text(&response->body), response->body.length);
  else if (strcmp(key, "failure") == 0 && failed)
    lua_pushstring(L, cdfw_failure_name(response->failure));
  else if (strcmp(key, "sent") == 0)
    lua_pushboolean(L, response->sent);
  else if (strcmp(key, "message") == 0 && failed)
    lua_pushstring(L, response->detail);
  else if (strcmp(key, "proxy") == 0 && response->proxy[0] != '\0')
    lua_pushfstring(L, "%s (%s)", response->proxy, response->proxy_by);
  else
    lua_pushnil(L);
  return 1;
}

static const luaL_Reg response_methods[] = {{"__gc", response_gc},
                                            {"__tostring", response_tostring},
                                            {"__index", response_index},
                                            {NULL, NULL}};

/* }==== */

void cdfw_object_open(lua_State *L) {
  cdfw_object_class(L, scratch_class, scratch_methods);
  cdfw_object_class(L, request_class, request_methods);
  cdfw_object_class(L, response_class, response_methods);
}
