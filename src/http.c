/* SPDX-License-Identifier: Apache-2.0
 * The http object: submit requests, let them proceed, take what is finished. Its table (user value)
 * keeps each response alive under the address of its transfer until it is handed out. Or it carries
 * a call from request to request; then the table keeps the call there. */
#include "http.h"

#include <string.h>

#include "engine.h"
#include "object.h"
#include "step.h"

typedef struct cdfw_http {
  cdfw_engine engine;
  cdfw_request request; /* the next one of a call that is carried on; empty in between */
  bool open;
} cdfw_http;

static const char http_class[] = "cdfworkflow.http";

static cdfw_http *check_http(lua_State *L) {
  cdfw_http *http = cdfw_checkudata(L, 1, http_class);
  if (!http->open) luaL_error(L, "the http object is closed");
  return http;
}

/* {==== Options ==== */

static long check_connections(lua_State *L, int index) {
  lua_Number number = lua_tonumber(L, index);
  if (lua_type(L, index) != LUA_TNUMBER || number < 1 || number > 65535 ||
      number != (lua_Number)(long)number)
    luaL_error(L, "max_connections must be a whole number from 1 to 65535");
  return (long)number;
}

static void copy_text(lua_State *L, int index, const char *name, cdfw_buffer *to) {
  size_t length;
  if (lua_type(L, index) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
  const char *text = lua_tolstring(L, index, &length);
  if (strlen(text) != length || !cdfw_buffer_add(to, text, length))
    luaL_error(L, "%s is not usable: too long, or has a NUL in it", name);
}

/* Takes the option whose name is at -2 and whose value is at -1. */
static void set_option(lua_State *L, cdfw_settings *settings) {
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
  if (strcmp(name, "max_connections") == 0) {
    settings->max_connections = check_connections(L, -1);
  } else if (strcmp(name, "ca_file") == 0) {
    copy_text(L, -1, name, &settings->ca_file);
  } else if (strcmp(name, "proxy") == 0) {
    copy_text(L, -1, name, &settings->proxy);
    settings->has_proxy = true;
  } else {
    luaL_error(L, "unknown option '%s'", name);
  }
}

/* core.http{ max_connections = 100, ca_file =, proxy = } → http. Options that it does not know and
   wrong types raise. Nothing is opened before the first submit. */
int cdfw_http_new(lua_State *L) {
  lua_settop(L, 1);
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  cdfw_http *http = cdfw_object_push(L, sizeof *http, http_class);
  cdfw_engine_init(&http->engine);
  http->engine.settings.max_connections = 100;
  cdfw_request_init(&http->request);
  http->open = true;
  lua_newtable(L);
  cdfw_setuservalue(L, 2);
  if (lua_isnil(L, 1)) return 1;
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    set_option(L, &http->engine.settings);
    lua_pop(L, 1);
  }
  return 1;
}

/* }==== */

/* {==== Requests ==== */

/* http:submit(request) → id. Starts at once; the request may be changed or dropped afterwards. Not
   even a failure to start raises: it comes as a response, like every other. */
static int http_submit(lua_State *L) {
  cdfw_http *http = check_http(L);
  const cdfw_request *request = cdfw_request_check(L, 2);
  lua_settop(L, 2);
  cdfw_getuservalue(L, 1);
  cdfw_response *response = cdfw_response_push(L, request->max_response_size);
  check_http(L); /* a finalizer may have closed it */
  cdfw_transfer *transfer = cdfw_engine_reserve(&http->engine);
  if (transfer == NULL) return luaL_error(L, "not enough memory");
  cdfw_rawsetp(L, 3, transfer);
  lua_pushinteger(L, (lua_Integer)cdfw_engine_begin(&http->engine, 0, request, response));
  cdfw_engine_send(&http->engine);
  return 1;
}

/* http:step() → whether responses wait to be taken, whether anything stirred. Never blocks. */
static int http_step(lua_State *L) {
  cdfw_http *http = check_http(L);
  bool stirred = cdfw_engine_step(&http->engine);
  lua_pushboolean(L, http->engine.finished != NULL);
  lua_pushboolean(L, stirred);
  return 2;
}

/* http:wait(seconds) → whether responses wait to be taken. Blocks until one does or the time is
   over, but returns early after a signal and a few times a second, so that Lua's hooks (Ctrl-C)
   run: call it again until the clock says that it is time. */
static int http_wait(lua_State *L) {
  cdfw_http *http = check_http(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  cdfw_engine_wait(&http->engine, seconds > 0 ? (double)seconds : 0);
  lua_pushboolean(L, http->engine.finished != NULL);
  return 1;
}

/* Takes the transfer's response out of the object's table. [-0, +1] */
static void push_response(lua_State *L, const cdfw_transfer *transfer) {
  cdfw_getuservalue(L, 1);
  cdfw_rawgetp(L, -1, transfer);
  lua_pushnil(L);
  cdfw_rawsetp(L, -3, transfer);
  lua_remove(L, -2);
}

/* {==== Calls that are carried from request to request ==== */

typedef struct carriage {
  cdfw_http *http;
  cdfw_transfer *transfer; /* whose answer the call gets; NULL: none, or it is at rest again */
  int64_t id;              /* under which the call is known; 0: not yet */
} carriage;

/* A finalizer may have closed the object while the call took its step. */
static void rest(carriage *c) {
  if (c->transfer != NULL && c->http->open) cdfw_engine_rest(&c->http->engine, c->transfer);
  if (c->transfer != NULL && !c->http->open) cdfw_transfer_free(c->transfer);
  c->transfer = NULL;
}

/* Takes a step of the call at 1, and begins its next request; or gives what call:step would give.
   The carriage is at 2, the table of the http object at 3. → count of results */
static int carry_on(lua_State *L) {
  enum { CALL = 1, CARRIAGE, TABLE };
  carriage *c = lua_touserdata(L, CARRIAGE);
  cdfw_call *call = cdfw_call_check(L);
  const cdfw_response *response = c->transfer != NULL ? c->transfer->response : NULL;
  cdfw_request_clear(&c->http->request);
  int count = cdfw_step_carried(L, call, response, &c->http->request);
  rest(c);
  if (count > 0) return count;
  if (!c->http->open) {
    cdfw_request_free(&c->http->request);
    return luaL_error(L, "the http object is closed");
  }
  cdfw_transfer *next = cdfw_engine_reserve(&c->http->engine);
  if (next == NULL) return luaL_error(L, "not enough memory");
  lua_pushvalue(L, CALL);
  cdfw_rawsetp(L, TABLE, next);
  c->id = cdfw_engine_begin(&c->http->engine, c->id, &c->http->request, NULL);
  cdfw_request_clear(&c->http->request);
  return 0;
}

/* The same for the call on the top, which it takes, and protected: whoever moves the transfers is
   not the one who made the call. What is raised comes as "raised", error. → count of results, which
   are on the top */
static int step_on(lua_State *L, carriage *c) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, carry_on);
  lua_insert(L, top);
  lua_pushlightuserdata(L, c);
  cdfw_getuservalue(L, 1);
  bool well = lua_pcall(L, 3, LUA_MULTRET, 0) == 0;
  rest(c);
  if (!well) {
    lua_pushliteral(L, "raised");
    lua_insert(L, top);
  }
  return lua_gettop(L) - top + 1;
}

/* Waits as `wait` does, and goes on for as long as the call's own answer is the first to come.
   → count of results, as above; 0: it is not over yet */
static int wait_for_end(lua_State *L, carriage *c) {
  cdfw_engine *engine = &c->http->engine;
  for (;;) {
    bool interrupted = cdfw_engine_wait(engine, 1);
    cdfw_transfer *first = engine->finished;
    if (interrupted || first == NULL || first->id != c->id) return 0;
    c->transfer = cdfw_engine_take(engine);
    push_response(L, first);
    int count = step_on(L, c);
    if (count > 0) return count;
  }
}

/* http:carry(call, waits) → id, and the call is carried on without Lua for as long as it needs
   nothing but requests, until `finished` gives its id with the list of what call:step would give;
   or nil and what call:step would give, where that is there already. With `waits` it blocks first,
   as `wait` does. */
static int http_carry(lua_State *L) {
  carriage c = {check_http(L), NULL, 0};
  bool waits = lua_toboolean(L, 3) != 0;
  lua_settop(L, 2);
  int count = step_on(L, &c);
  if (count == 0 && waits) count = wait_for_end(L, &c);
  if (count == 0 && !waits) cdfw_engine_send(&c.http->engine);
  if (count == 0) {
    lua_pushinteger(L, (lua_Integer)c.id);
    return 1;
  }
  lua_pushnil(L);
  lua_insert(L, -count - 1);
  return count + 1;
}

/* }==== */

/* Makes a list of that many values. [-count, +1] */
static void pack(lua_State *L, int count) {
  lua_createtable(L, count, 0);
  lua_insert(L, -count - 1);
  for (int i = count; i > 0; i--)
    lua_rawseti(L, -i - 1, i);
}

/* http:finished() → id, response of the one that finished first, or nil. Each comes once. For a
   call that was carried: id, the list of what call:step would give. */
static int http_finished(lua_State *L) {
  cdfw_http *http = check_http(L);
  bool begun = false;
  int results = 0;
  lua_settop(L, 1);
  for (cdfw_transfer *transfer;
       results == 0 && (transfer = cdfw_engine_take(&http->engine)) != NULL;) {
    int64_t id = transfer->id;
    bool carried = transfer->response == &transfer->answer;
    push_response(L, transfer);
    carriage c = {http, transfer, id};
    int count = carried ? step_on(L, &c) : 1;
    if (count == 0) {
      begun = true;
      continue;
    }
    if (carried) pack(L, count);
    rest(&c);
    lua_pushinteger(L, (lua_Integer)id);
    lua_insert(L, -2);
    results = 2;
  }
  if (begun) cdfw_engine_send(&http->engine);
  return results;
}

/* The id of the transfer that carries the call at 2; 0: none does. */
static int64_t id_of_carried(lua_State *L) {
  int64_t id = 0;
  cdfw_getuservalue(L, 1);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_rawequal(L, -1, 2)) id = ((const cdfw_transfer *)lua_touserdata(L, -2))->id;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return id;
}

/* http:cancel(id or call) → whether there was such a request. It is given up and will not be handed
   out. */
static int http_cancel(lua_State *L) {
  cdfw_http *http = check_http(L);
  bool is_id = lua_type(L, 2) == LUA_TNUMBER;
  luaL_checkany(L, 2);
  int64_t id = is_id ? (int64_t)luaL_checkinteger(L, 2) : id_of_carried(L);
  cdfw_transfer *transfer = cdfw_engine_cancel(&http->engine, id);
  if (transfer != NULL) {
    push_response(L, transfer);
    cdfw_engine_rest(&http->engine, transfer);
  }
  lua_pushboolean(L, transfer != NULL);
  return 1;
}

/* }==== */

/* {==== For hosts with a loop of their own ==== */

/* http:fd() → the one descriptor to poll for reading; when it stirs, call step. Or nil, message. */
static int http_fd(lua_State *L) {
  cdfw_http *http = check_http(L);
  const char *why;
  int descriptor = cdfw_engine_descriptor(&http->engine, &why);
  if (descriptor >= 0) {
    lua_pushinteger(L, descriptor);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* http:timeout() → seconds until a step is due even if the descriptor does not stir, or nil. */
static int http_timeout(lua_State *L) {
  double seconds = cdfw_engine_timeout(&check_http(L)->engine);
  if (seconds >= 0)
    lua_pushnumber(L, (lua_Number)seconds);
  else
    lua_pushnil(L);
  return 1;
}

/* http:pending() → requests submitted and neither handed out nor cancelled. */
static int http_pending(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_http(L)->engine.pending);
  return 1;
}

/* }==== */

/* {==== Life ==== */

/* http:close(), __close, __gc. Requests under way are given up. A second call does nothing. */
static int http_close(lua_State *L) {
  cdfw_http *http = cdfw_checkudata(L, 1, http_class);
  if (!http->open) return 0;
  http->open = false;
  cdfw_engine_close(&http->engine);
  cdfw_request_free(&http->request);
  lua_newtable(L); /* nobody waits for the calls any more */
  cdfw_setuservalue(L, 1);
  return 0;
}

static int http_tostring(lua_State *L) {
  cdfw_http *http = cdfw_checkudata(L, 1, http_class);
  if (http->open)
    lua_pushfstring(L, "http: %d pending", (int)http->engine.pending);
  else
    lua_pushliteral(L, "http: closed");
  return 1;
}

/* }==== */

static const luaL_Reg http_methods[] = {{"submit", http_submit},
                                        {"carry", http_carry},
                                        {"step", http_step},
                                        {"wait", http_wait},
                                        {"finished", http_finished},
                                        {"cancel", http_cancel},
                                        {"fd", http_fd},
                                        {"timeout", http_timeout},
                                        {"pending", http_pending},
                                        {"close", http_close},
                                        {"__close", http_close},
                                        {"__gc", http_close},
                                        {"__tostring", http_tostring},
                                        {NULL, NULL}};

void cdfw_http_open(lua_State *L) {
  cdfw_object_class(L, http_class, http_methods);
}
