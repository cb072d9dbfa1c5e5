/* SPDX-License-Identifier: Apache-2.0
 * The settings and the shared state of a client; see client.h. */
#include "client.h"

#include <math.h>
#include <string.h>

#include "clock.h"
#include "digest.h"
#include "error.h"
#include "object.h"
#include "text.h"

static const char client_class[] = "cdfworkflow.core.client";

#define CDF_API_VERSION "20230101" /* the cdf-version header (CDF.md 1) */

/* Places in the user value. */
enum { CREDENTIALS_SLOT = 1, TOKEN_ERROR_SLOT = 2 };

static const double longest_timeout = 86400 * 7; /* seconds */
enum { MOST_RETRIES = 100 };

cdfw_client *cdfw_client_check(lua_State *L, int index) {
  return cdfw_checkudata(L, index, client_class);
}

/* Differs between clients, processes and machines; good enough for jitter, and used for nothing
 * else. */
static uint64_t seed(const void *address) {
  double wall = cdfw_clock_wall() * 1e6, monotonic = cdfw_clock_monotonic() * 1e9;
  return ((uint64_t)(size_t)address << 20) ^ (uint64_t)wall ^ ((uint64_t)monotonic << 24);
}

static cdfw_client *push_empty(lua_State *L) {
  cdfw_client *client = cdfw_newuserdata(L, sizeof *client);
  memset(client, 0, sizeof *client);
  cdfw_buffer_init(&client->base_url, CDFW_MAX_URL, false);
  cdfw_buffer_init(&client->project, CDFW_MAX_URL, false);
  cdfw_buffer_init(&client->headers, CDFW_MAX_HEADERS, false);
  cdfw_buffer_init(&client->agent, CDFW_MAX_HEADERS, false);
  cdfw_auth_init(&client->auth);
  cdfw_budget_init(&client->budget);
  client->random_state = seed(client);
  cdfw_getclass(L, client_class);
  lua_setmetatable(L, -2);
  return client;
}

static int client_gc(lua_State *L) {
  cdfw_client *client = cdfw_client_check(L, 1);
  cdfw_buffer_free(&client->base_url);
  cdfw_buffer_free(&client->project);
  cdfw_buffer_free(&client->headers);
  cdfw_buffer_free(&client->agent);
  cdfw_auth_free(&client->auth);
  return 0;
}

static int client_tostring(lua_State *L) {
  cdfw_client *client = cdfw_client_check(L, 1);
  lua_pushfstring(L, "cdfworkflow.core.client: project %s at %s",
                  cdfw_buffer_text(&client->project), cdfw_buffer_text(&client->base_url));
  return 1;
}

/* {==== Reading the options (table at 1) ==== */

/* The string option, or NULL when it is absent. Leaves the string on the stack. [-0, +1] */
static const char *get_string(lua_State *L, const char *name, size_t *length) {
  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "client: %s must be a string, not %s", name, luaL_typename(L, -1));
  return lua_tolstring(L, -1, length);
}

/* Without the option the most there may be: defaults are Lua's. */
static double get_number(lua_State *L, const char *name, double low, double high) {
  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return high;
  }
  if (lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, "client: %s must be a number, not %s", name, luaL_typename(L, -1));
  double value = lua_tonumber(L, -1);
  if (!(value >= low && value <= high)) {
    lua_pushnumber(L, low);
    lua_pushnumber(L, high);
    luaL_error(L, "client: %s must be between %s and %s", name, lua_tostring(L, -2),
               lua_tostring(L, -1));
  }
  lua_pop(L, 1);
  return value;
}

static int read_project(lua_State *L, cdfw_client *client) {
  size_t length = 0;
  const char *text = get_string(L, "project", &length);
  if (text == NULL) return luaL_error(L, "client: project is missing");
  const char *problem = cdfw_text_identifier_problem(text, length);
  if (problem != NULL) return cdfw_error_problem(L, "project", problem);
  if (!cdfw_text_add_segment(&client->project, text, length)) luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  return 0;
}

static int read_base_url(lua_State *L, cdfw_client *client) {
  size_t length = 0;
  const char *url = get_string(L, "base_url", &length);
  if (url == NULL) return luaL_error(L, "client: base_url is missing");
  const char *problem = cdfw_text_url_problem(url, length);
  if (problem == NULL && memchr(url, '?', length) != NULL) problem = "must have no query";
  if (problem == NULL && strstr(url, "/api/v1") != NULL) problem = "must end before /api/v1";
  if (problem != NULL) return cdfw_error_problem(L, "base_url", problem);
  if (!cdfw_buffer_add(&client->base_url, url, length)) luaL_error(L, "not enough memory");
  return 0;
}

/* "Lua 5.4" or "LuaJIT 2.1…", for the User-Agent. [-0, +1] */
static const char *push_runtime(lua_State *L) {
  lua_getglobal(L, "jit");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "version");
    lua_remove(L, -2);
  }
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, LUA_VERSION);
  }
  return lua_tostring(L, -1);
}

/* What never changes in a client's requests is put together once. */
static void build_headers(lua_State *L, cdfw_client *client, const char *name) {
  const char *agent = lua_pushfstring(L, "cdfworkflow/" CDFW_VERSION " (%s)", push_runtime(L));
  if (cdfw_text_header_problem(agent, strlen(agent)) != NULL) agent = "cdfworkflow/" CDFW_VERSION;
  if (!cdfw_message_add_header(&client->agent, "User-Agent", agent) ||
      !cdfw_message_add_header(&client->headers, "Accept", "application/json") ||
      !cdfw_message_add_header(&client->headers, "x-cdp-app", name) ||
      !cdfw_message_add_header(&client->headers, "x-cdp-sdk", "cdfworkflow:" CDFW_VERSION) ||
      !cdfw_message_add_header(&client->headers, "cdf-version", CDF_API_VERSION))
    luaL_error(L, "not enough memory");
}

static int read_name(lua_State *L, cdfw_client *client) {
  enum { LONGEST_NAME = 1024 };
  size_t length = 0;
  const char *text = get_string(L, "client_name", &length);
  if (text == NULL) text = "cdfworkflow", length = strlen(text);
  const char *problem = cdfw_text_header_problem(text, length);
  if (problem == NULL && length > LONGEST_NAME) problem = "is longer than 1024 characters";
  if (problem != NULL) return cdfw_error_problem(L, "client_name", problem);
  build_headers(L, client, text);
  return 0;
}

static void read_credentials(lua_State *L, cdfw_client *client, int self) {
  lua_getfield(L, 1, "credentials");
  client->credentials = cdfw_credentials_test(L, -1);
  if (client->credentials == NULL)
    luaL_error(L, "client: credentials must be what cdf.credentials{...} returns, not %s",
               luaL_typename(L, -1));
  lua_createtable(L, 2, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, CREDENTIALS_SLOT);
  cdfw_setuservalue(L, self);
}

static void take_fixed_token(lua_State *L, cdfw_client *client) {
  const cdfw_buffer *token = &client->credentials->token;
  if (client->credentials->kind == CDFW_CREDENTIALS_TOKEN &&
      !cdfw_auth_take(&client->auth, cdfw_buffer_text(token), token->length, 0, HUGE_VAL, 0))
    luaL_error(L, "not enough memory");
}

/* }==== */

int cdfw_client_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  cdfw_client *client = push_empty(L);
  read_credentials(L, client, 2);
  int results = read_project(L, client);
  if (results == 0) results = read_base_url(L, client);
  if (results == 0) results = read_name(L, client);
  if (results != 0) return results;
  client->timeout = get_number(L, "timeout", 0.001, longest_timeout);
  client->connect_timeout = get_number(L, "connect_timeout", 0.001, longest_timeout);
  client->max_retries = (unsigned)get_number(L, "max_retries", 0, MOST_RETRIES);
  lua_getfield(L, 1, "patient");
  client->is_patient = lua_toboolean(L, -1) != 0;
  client->max_response_size = (size_t)get_number(L, "max_response_size", 1, CDFW_MAX_BODY);
  take_fixed_token(L, client);
  lua_settop(L, 2);
  return 1;
}

void cdfw_client_push_token_function(lua_State *L, int index) {
  cdfw_getuservalue(L, index);
  lua_rawgeti(L, -1, CREDENTIALS_SLOT);
  cdfw_credentials_push_function(L, lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

int cdfw_client_assertion(lua_State *L) {
  const cdfw_client *client = cdfw_client_check(L, 1);
  if (client->credentials->kind != CDFW_CREDENTIALS_CLIENT) return 0;
  cdfw_client_push_token_function(L, 1);
  return lua_isfunction(L, -1) ? 1 : 0;
}

void cdfw_client_keep_token_error(lua_State *L, int index) {
  cdfw_getuservalue(L, index);
  lua_insert(L, -2);
  lua_rawseti(L, -2, TOKEN_ERROR_SLOT);
  lua_pop(L, 1);
}

void cdfw_client_push_token_error(lua_State *L, int index) {
  cdfw_getuservalue(L, index);
  lua_rawgeti(L, -1, TOKEN_ERROR_SLOT);
  cdfw_error_push(L, "auth", "no access token");
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "retryable");
  if (lua_istable(L, -2)) {
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* What tells the client's secret from others, for whoever may read the store: guessing it costs
   that many hashes a guess, and the identity is the salt. [-0, +1] */
static void push_secret_digest(lua_State *L, const cdfw_client *client, const char *identity) {
  static const unsigned rounds = 10000; /* 15 ms, once for each client that uses a store */
  static const char hex[] = "0123456789abcdef";
  const cdfw_credentials *credentials = client->credentials;
  const cdfw_buffer *secret =
      cdfw_credentials_has_pair(credentials) ? &credentials->client_secret : &credentials->proof;
  unsigned char digest[CDFW_DIGEST_SIZE];
  char text[2 * CDFW_DIGEST_SIZE];
  cdfw_digest_stretch(cdfw_buffer_text(secret), secret->length, identity, strlen(identity), rounds,
                      digest);
  for (size_t i = 0; i < CDFW_DIGEST_SIZE; i++) {
    text[2 * i] = hex[digest[i] >> 4];
    text[2 * i + 1] = hex[digest[i] & 15];
  }
  lua_pushlstring(L, text, sizeof text);
}

int cdfw_client_token_key(lua_State *L) {
  const cdfw_client *client = cdfw_client_check(L, 1);
  const cdfw_credentials *credentials = client->credentials;
  const char *identity = lua_pushfstring(
      L, "%s\n%s\n%s\n%s\n%s\n%s", cdfw_buffer_text(&credentials->token_url),
      cdfw_buffer_text(&credentials->client_id), cdfw_buffer_text(&credentials->scope),
      cdfw_buffer_text(&credentials->audience), cdfw_buffer_text(&credentials->resource),
      credentials->scope_of_cluster ? cdfw_buffer_text(&client->base_url) : "");
  lua_pushliteral(L, "\n");
  push_secret_digest(L, client, identity);
  lua_concat(L, 3);
  return 1;
}

int cdfw_client_token(lua_State *L) {
  const cdfw_auth *auth = &cdfw_client_check(L, 1)->auth;
  double left = auth->expires - cdfw_clock_monotonic();
  if (auth->token.length == 0 || left <= 0) return 0;
  lua_pushlstring(L, cdfw_buffer_text(&auth->token), auth->token.length);
  lua_pushnumber(L, left);
  return 2;
}

static const luaL_Reg client_methods[] = {
    {"__gc", client_gc}, {"__tostring", client_tostring}, {NULL, NULL}};

void cdfw_client_open(lua_State *L) {
  cdfw_object_class(L, client_class, client_methods);
}
