/* SPDX-License-Identifier: Apache-2.0
 * Credential values; see credentials.h. */
#include "credentials.h"

#include <string.h>

#include "error.h"
#include "object.h"
#include "text.h"

static const char credentials_class[] = "cdfworkflow.credentials";

enum { LONGEST_VALUE = 32 * 1024 };

static cdfw_credentials *push_empty(lua_State *L) {
  cdfw_credentials *credentials = cdfw_newuserdata(L, sizeof *credentials);
  memset(credentials, 0, sizeof *credentials);
  cdfw_buffer_init(&credentials->token, LONGEST_VALUE, true);
  cdfw_buffer_init(&credentials->client_id, LONGEST_VALUE, false);
  cdfw_buffer_init(&credentials->client_secret, LONGEST_VALUE, true);
  cdfw_buffer_init(&credentials->token_url, LONGEST_VALUE, false);
  cdfw_buffer_init(&credentials->scope, LONGEST_VALUE, false);
  cdfw_buffer_init(&credentials->audience, LONGEST_VALUE, false);
  cdfw_buffer_init(&credentials->resource, LONGEST_VALUE, false);
  cdfw_buffer_init(&credentials->proof, LONGEST_VALUE, true);
  cdfw_buffer_init(&credentials->label, LONGEST_VALUE, false);
  cdfw_getclass(L, credentials_class);
  lua_setmetatable(L, -2);
  return credentials;
}

cdfw_credentials *cdfw_credentials_test(lua_State *L, int index) {
  return cdfw_testudata(L, index, credentials_class);
}

static cdfw_credentials *check(lua_State *L) {
  return cdfw_checkudata(L, 1, credentials_class);
}

static const char *const kinds[] = {"token", "token function", "client credentials",
                                    "client credentials"};

static const char *kind_of(const cdfw_credentials *credentials) {
  bool labelled = credentials->label.length > 0;
  return labelled ? cdfw_buffer_text(&credentials->label) : kinds[credentials->kind];
}

int cdfw_credentials_describe(lua_State *L) {
  const cdfw_credentials *credentials = check(L);
  lua_createtable(L, 0, 4);
  lua_pushboolean(L, credentials->kind == CDFW_CREDENTIALS_FUNCTION);
  lua_setfield(L, -2, "by_function");
  lua_pushboolean(L, cdfw_credentials_has_pair(credentials));
  lua_setfield(L, -2, "has_secret");
  lua_pushstring(L, cdfw_buffer_text(&credentials->client_id));
  lua_setfield(L, -2, "client_id");
  lua_pushstring(L, cdfw_buffer_text(&credentials->token_url));
  lua_setfield(L, -2, "token_url");
  return 1;
}

bool cdfw_credentials_has_pair(const cdfw_credentials *credentials) {
  return credentials->client_secret.length > 0;
}

/* In 5.1 the user value that was never set is another table, without our key. */
enum { FUNCTION_SLOT = 1 };

void cdfw_credentials_push_function(lua_State *L, int index) {
  cdfw_getuservalue(L, index);
  if (!lua_istable(L, -1)) return;
  lua_rawgeti(L, -1, FUNCTION_SLOT);
  lua_remove(L, -2);
}

/* Keeps the function on the top with the credentials below it. [-1, +0] */
static void keep_function(lua_State *L, int credentials) {
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, FUNCTION_SLOT);
  cdfw_setuservalue(L, credentials);
}

/* {==== Reading the options ==== */

static void store(lua_State *L, cdfw_buffer *buffer, const char *text, size_t length) {
  cdfw_buffer_clear(buffer);
  cdfw_buffer_add(buffer, text, length);
  if (buffer->state == CDFW_BUFFER_NO_MEMORY) luaL_error(L, "not enough memory");
}

/* A text for a form or a JSON body: any valid UTF-8 without NUL. */
static const char *text_problem(const char *text, size_t length) {
  if (length == 0) return "is empty";
  if (length > LONGEST_VALUE) return "is longer than 32768 bytes";
  if (memchr(text, '\0', length) != NULL) return "contains a NUL character";
  return cdfw_text_is_utf8(text, length) ? NULL : "is not valid UTF-8";
}

/* Scopes travel in a form, but a line break in one is a mistake or an attack (RFC 6749 3.3). */
static const char *scope_problem(const char *text, size_t length) {
  if (length > LONGEST_VALUE) return "is longer than 32768 bytes";
  return cdfw_text_header_problem(text, length);
}

typedef const char *(*problem_finder)(const char *text, size_t length);

/* Takes the option's value from the top of the stack into `buffer`. 0 when it is good or nil;
   otherwise pushes nil, err. Wrong types raise. [-1, +0] or [-1, +2] */
static int take_option(lua_State *L, const char *name, cdfw_buffer *buffer, problem_finder finder) {
  size_t length;
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L, "credentials: %s must be a string, not %s", name, luaL_typename(L, -1));
  const char *text = lua_tolstring(L, -1, &length);
  const char *problem = finder(text, length);
  if (problem == NULL) store(L, buffer, text, length);
  lua_pop(L, 1);
  return problem == NULL ? 0 : cdfw_error_problem(L, name, problem);
}

/* The same for the option `name` of the table at `table`. [-0, +0] or [-0, +2] */
static int read_option(lua_State *L, int table, const char *name, cdfw_buffer *buffer,
                       problem_finder finder) {
  lua_getfield(L, table, name);
  return take_option(L, name, buffer, finder);
}

/* Replaces the list of strings on the top by one string with spaces between them. [-1, +1] */
static void join_scopes(lua_State *L) {
  luaL_Buffer joined;
  int list = lua_gettop(L);
  size_t count = cdfw_rawlen(L, list);
  luaL_buffinit(L, &joined);
  for (size_t i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&joined, ' ');
    lua_rawgeti(L, list, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "credentials: scopes[%d] must be a string, not %s", (int)i,
                 luaL_typename(L, -1));
    luaL_addvalue(&joined);
  }
  luaL_pushresult(&joined);
  lua_replace(L, list);
}

/* `scopes`: a string, or a list of strings. */
static int read_scopes(lua_State *L, cdfw_credentials *credentials) {
  lua_getfield(L, 1, "scopes");
  if (lua_istable(L, -1)) join_scopes(L);
  return take_option(L, "scopes", &credentials->scope, scope_problem);
}

static int read_pair(lua_State *L, int table, cdfw_credentials *credentials) {
  int results = read_option(L, table, "client_id", &credentials->client_id, text_problem);
  if (results == 0)
    results = read_option(L, table, "client_secret", &credentials->client_secret, text_problem);
  if (results == 0 && credentials->client_id.length == 0)
    return luaL_error(L, "credentials: client_id is missing");
  if (results == 0 && credentials->client_secret.length == 0)
    return luaL_error(L, "credentials: client_secret is missing");
  return results;
}

static void use_entra_url(lua_State *L, cdfw_credentials *credentials, const cdfw_buffer *tenant) {
  cdfw_buffer *url = &credentials->token_url;
  cdfw_buffer_adds(url, "https://login.microsoftonline.com/");
  cdfw_text_add_segment(url, cdfw_buffer_text(tenant), tenant->length);
  if (!cdfw_buffer_adds(url, "/oauth2/v2.0/token")) luaL_error(L, "not enough memory");
  credentials->scope_of_cluster = credentials->scope.length == 0;
}

/* assertion = function() → text: what proves who the client is, in place of a secret. [-0, +0] */
static bool read_assertion(lua_State *L, int credentials) {
  lua_getfield(L, 1, "assertion");
  bool given = !lua_isnil(L, -1);
  if (given) {
    luaL_checktype(L, -1, LUA_TFUNCTION);
    keep_function(L, credentials);
  } else {
    lua_pop(L, 1);
  }
  return given;
}

static int read_client(lua_State *L, cdfw_credentials *credentials) {
  cdfw_buffer *tenant = cdfw_scratch_push(L, LONGEST_VALUE, false);
  credentials->kind = CDFW_CREDENTIALS_CLIENT;
  int results = read_assertion(L, 2)
                    ? read_option(L, 1, "client_id", &credentials->client_id, text_problem)
                    : read_pair(L, 1, credentials);
  if (results == 0) results = read_option(L, 1, "proof", &credentials->proof, text_problem);
  if (results == 0) results = read_option(L, 1, "label", &credentials->label, text_problem);
  if (results == 0) results = read_option(L, 1, "resource", &credentials->resource, text_problem);
  if (results == 0)
    results = read_option(L, 1, "token_url", &credentials->token_url, cdfw_text_url_problem);
  if (results == 0) results = read_option(L, 1, "tenant_id", tenant, cdfw_text_identifier_problem);
  if (results == 0) results = read_scopes(L, credentials);
  if (results == 0) results = read_option(L, 1, "audience", &credentials->audience, text_problem);
  if (results != 0) return results;
  if ((tenant->length > 0) == (credentials->token_url.length > 0))
    return luaL_error(L, "credentials: client_id needs either token_url or tenant_id");
  if (tenant->length > 0) use_entra_url(L, credentials, tenant);
  return 0;
}

static int read_token(lua_State *L, cdfw_credentials *credentials) {
  if (lua_isfunction(L, -1)) {
    credentials->kind = CDFW_CREDENTIALS_FUNCTION;
    lua_pushvalue(L, -1);
    keep_function(L, 2);
    return read_option(L, 1, "label", &credentials->label, text_problem);
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    return luaL_error(L, "credentials: token must be a string or a function, not %s",
                      luaL_typename(L, -1));
  credentials->kind = CDFW_CREDENTIALS_TOKEN;
  return read_option(L, 1, "token", &credentials->token, cdfw_text_token_problem);
}

/* }==== */

static bool has(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool present = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return present;
}

/* core.credentials{ token =, label = } or { client_id =, client_secret = | assertion = and proof =,
   token_url = | tenant_id =, scopes =, audience =, resource =, label = } → credentials | nil, err
 */
int cdfw_credentials_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  cdfw_credentials *credentials = push_empty(L);
  lua_getfield(L, 1, "token");
  bool has_token = !lua_isnil(L, -1);
  if (!has_token && !has(L, "client_id") && !has(L, "client_secret"))
    return luaL_error(L, "credentials: give either token, or client_id and client_secret");
  if (has_token && (has(L, "client_id") || has(L, "client_secret")))
    return luaL_error(L,
                      "credentials: give either token, or client_id and client_secret, not both");
  int results = has_token ? read_token(L, credentials) : read_client(L, credentials);
  if (results != 0) return results;
  lua_settop(L, 2);
  return 1;
}

cdfw_credentials *cdfw_credentials_push_pair(lua_State *L, int index, const char *option) {
  cdfw_credentials *given = cdfw_credentials_test(L, index);
  if (given != NULL) {
    if (!cdfw_credentials_has_pair(given))
      luaL_error(L, "%s: these credentials have no client_id and client_secret", option);
    lua_pushvalue(L, index);
    return given;
  }
  if (!lua_istable(L, index))
    luaL_error(L, "%s must be credentials or a table with client_id and client_secret, not %s",
               option, luaL_typename(L, index));
  index = cdfw_absindex(L, index);
  given = push_empty(L);
  given->kind = CDFW_CREDENTIALS_PAIR;
  return read_pair(L, index, given) == 0 ? given : NULL;
}

static bool add_member(cdfw_buffer *out, const char *name, const char *text, size_t length) {
  return cdfw_buffer_addc(out, '&') && cdfw_buffer_adds(out, name) && cdfw_buffer_addc(out, '=') &&
         cdfw_text_add_form(out, text, length);
}

static bool add_buffer(cdfw_buffer *out, const char *name, const cdfw_buffer *value) {
  return value->length == 0 || add_member(out, name, cdfw_buffer_text(value), value->length);
}

bool cdfw_credentials_add_form(const cdfw_credentials *credentials, const cdfw_buffer *base_url,
                               cdfw_buffer *out) {
  cdfw_buffer_adds(out, "grant_type=client_credentials");
  add_buffer(out, "client_id", &credentials->client_id);
  add_buffer(out, "client_secret", &credentials->client_secret);
  add_buffer(out, "audience", &credentials->audience);
  add_buffer(out, "resource", &credentials->resource);
  if (!credentials->scope_of_cluster) return add_buffer(out, "scope", &credentials->scope);
  add_buffer(out, "scope", base_url);
  return cdfw_buffer_adds(out, "%2F.default");
}

bool cdfw_credentials_add_assertion(const char *assertion, size_t length, cdfw_buffer *out) {
  static const char type[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  return add_member(out, "client_assertion_type", type, strlen(type)) &&
         add_member(out, "client_assertion", assertion, length);
}

static int credentials_gc(lua_State *L) {
  cdfw_credentials *credentials = check(L);
  cdfw_buffer_free(&credentials->token);
  cdfw_buffer_free(&credentials->client_id);
  cdfw_buffer_free(&credentials->client_secret);
  cdfw_buffer_free(&credentials->token_url);
  cdfw_buffer_free(&credentials->scope);
  cdfw_buffer_free(&credentials->audience);
  cdfw_buffer_free(&credentials->resource);
  cdfw_buffer_free(&credentials->proof);
  cdfw_buffer_free(&credentials->label);
  return 0;
}

int cdfw_credentials_kind_of(lua_State *L) {
  const cdfw_credentials *credentials = cdfw_credentials_test(L, 1);
  lua_pushstring(L, credentials != NULL ? kind_of(credentials) : NULL);
  return 1;
}

static int credentials_tostring(lua_State *L) {
  cdfw_credentials *credentials = check(L);
  bool named = credentials->client_id.length > 0;
  lua_pushfstring(L, "cdfworkflow.credentials: %s%s%s", kind_of(credentials),
                  named ? ", client id " : "", cdfw_buffer_text(&credentials->client_id));
  return 1;
}

static const luaL_Reg credentials_methods[] = {
    {"__gc", credentials_gc}, {"__tostring", credentials_tostring}, {NULL, NULL}};

void cdfw_credentials_open(lua_State *L) {
  cdfw_object_class(L, credentials_class, credentials_methods);
}
