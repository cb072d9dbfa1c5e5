/* SPDX-License-Identifier: Apache-2.0
 * Opens the rooms of src/ that know no Lua (text, policy, op, look, auth, spelling, digest,
 * connections, bundle) to specs. Built for tests only. */
#include <string.h>

#include "../../src/auth.h"
#include "../../src/bundle.h"
#include "../../src/compat.h"
#include "../../src/connections.h"
#include "../../src/digest.h"
#include "../../src/op.h"
#include "../../src/spelling.h"
#include "../../src/text.h"

static const char *const repeats[] = {"safe", "run", "unsafe", NULL};
static const char *const replies[] = {"success", "untouched", "put_off",    "denied", "spent",
                                      "refused", "told",      "impossible", "lost",   NULL};
static const char *const nonces[] = {"none", "untouched", "put_off", "in_doubt", "spent", NULL};
static const char *const moves[] = {"finish", "repeat",    "renew", "refuse",
                                    "fail",   "make_sure", "doubt", "look_on"};

static double number_field(lua_State *L, const char *name, double fallback) {
  lua_getfield(L, 2, name);
  double value = lua_isnil(L, -1) ? fallback : lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

static bool boolean_field(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  bool value = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return value;
}

static cdfw_outcome read_outcome(lua_State *L) {
  cdfw_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  lua_getfield(L, 2, "failure");
  if (!lua_isnil(L, -1)) outcome.failure = cdfw_failure_from_name(lua_tostring(L, -1));
  lua_pop(L, 1);
  outcome.status = (int)number_field(L, "status", 0);
  outcome.retry_after = number_field(L, "retry_after", -1);
  outcome.sent = boolean_field(L, "sent");
  outcome.own = boolean_field(L, "own");
  outcome.auto_retryable = boolean_field(L, "auto_retryable");
  outcome.unreadable = boolean_field(L, "unreadable");
  return outcome;
}

/* reply(repeat, outcome) → reply, passing */
static int reply(lua_State *L) {
  cdfw_repeat repeat = (cdfw_repeat)luaL_checkoption(L, 1, NULL, repeats);
  cdfw_outcome outcome = read_outcome(L);
  lua_pushstring(L, replies[cdfw_policy_reply(repeat, &outcome)]);
  lua_pushboolean(L, cdfw_policy_is_passing(&outcome));
  return 2;
}

/* move(reply, nonce) → move, nonce */
static int move(lua_State *L) {
  cdfw_reply given = (cdfw_reply)luaL_checkoption(L, 1, NULL, replies);
  cdfw_nonce nonce = (cdfw_nonce)luaL_checkoption(L, 2, NULL, nonces);
  cdfw_transition next = cdfw_op_move(given, nonce);
  lua_pushstring(L, moves[next.move]);
  lua_pushstring(L, nonces[next.nonce]);
  return 2;
}

/* look_from({ cdf, cdf_at, wall, wall_at }, first, back) → ms since the epoch */
static int look_from(lua_State *L) {
  cdfw_look_clocks clocks;
  double *const members[] = {&clocks.cdf, &clocks.cdf_at, &clocks.wall, &clocks.wall_at};
  for (int i = 0; i < 4; i++) {
    lua_rawgeti(L, 1, i + 1);
    *members[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pushnumber(L, cdfw_look_from(&clocks, luaL_checknumber(L, 2), luaL_checknumber(L, 3)));
  return 1;
}

/* look_delay(looks, since, nonce_time, now, left, random) → seconds */
static int look_delay(lua_State *L) {
  cdfw_look look;
  memset(&look, 0, sizeof look);
  look.looks = (unsigned)luaL_checknumber(L, 1);
  look.since = luaL_checknumber(L, 2);
  lua_pushnumber(L, cdfw_look_delay(&look, luaL_checknumber(L, 3), luaL_checknumber(L, 4),
                                    luaL_checknumber(L, 5), luaL_checknumber(L, 6)));
  return 1;
}

static int delay(lua_State *L) {
  lua_pushnumber(L, cdfw_policy_delay((unsigned)luaL_checkinteger(L, 1), luaL_checknumber(L, 2),
                                      luaL_checknumber(L, 3)));
  return 1;
}

static int retry_after(lua_State *L) {
  lua_pushnumber(L, cdfw_policy_retry_after(luaL_optstring(L, 1, NULL), luaL_optstring(L, 2, NULL),
                                            luaL_optnumber(L, 3, 0)));
  return 1;
}

static int http_date(lua_State *L) {
  lua_pushnumber(L, cdfw_policy_http_date(luaL_checkstring(L, 1)));
  return 1;
}

/* budget(text): "s" spends, "e" earns, one after the other → a string of "y" and "n" for the spends
 */
static int budget(lua_State *L) {
  cdfw_budget purse;
  luaL_Buffer answers;
  cdfw_budget_init(&purse);
  luaL_buffinit(L, &answers);
  for (const char *c = luaL_checkstring(L, 1); *c != '\0'; c++) {
    if (*c == 'e')
      cdfw_budget_earn(&purse);
    else
      luaL_addchar(&answers, cdfw_budget_spend(&purse) ? 'y' : 'n');
  }
  luaL_pushresult(&answers);
  return 1;
}

typedef const char *(*finder)(const char *text, size_t length);

static int problem(lua_State *L) {
  static const char *const kinds[] = {"identifier", "header", "token", "url", NULL};
  static const finder finders[] = {cdfw_text_identifier_problem, cdfw_text_header_problem,
                                   cdfw_text_token_problem, cdfw_text_url_problem};
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  lua_pushstring(L, finders[luaL_checkoption(L, 1, NULL, kinds)](text, length));
  return 1;
}

typedef bool (*adder)(cdfw_buffer *out, const char *text, size_t length);

static int encode(lua_State *L) {
  static const char *const kinds[] = {"segment", "form", "json", NULL};
  static const adder adders[] = {cdfw_text_add_segment, cdfw_text_add_form,
                                 cdfw_text_add_json_string};
  size_t length;
  cdfw_buffer out;
  const char *text = luaL_checklstring(L, 2, &length);
  adder add = adders[luaL_checkoption(L, 1, NULL, kinds)];
  cdfw_buffer_init(&out, (size_t)luaL_optinteger(L, 3, 1 << 20), true);
  bool added = add(&out, text, length);
  /* A test program; the buffer is lost when pushing raises. */
  lua_pushlstring(L, cdfw_buffer_text(&out), out.length);
  lua_pushboolean(L, added);
  cdfw_buffer_free(&out);
  return 2;
}

/* redact(text, secret, …) → the text without the secrets, or false where there is none */
static int redact(lua_State *L) {
  size_t length;
  cdfw_buffer out, secrets;
  const char *text = luaL_checklstring(L, 1, &length);
  cdfw_buffer_init(&secrets, 1 << 20, true);
  for (int i = 2; i <= lua_gettop(L); i++)
    cdfw_buffer_add(&secrets, lua_tostring(L, i), strlen(lua_tostring(L, i)) + 1);
  cdfw_buffer_init(&out, 1 << 28, true);
  if (cdfw_spelling_redact(text, length, &secrets, &out) == CDFW_SPELLING_REDACTED)
    lua_pushlstring(L, cdfw_buffer_text(&out), out.length);
  else
    lua_pushboolean(L, false);
  cdfw_buffer_free(&out);
  cdfw_buffer_free(&secrets);
  return 1;
}

/* stretch(secret, salt, rounds) → 32 bytes */
static int stretch(lua_State *L) {
  size_t secret_length, salt_length;
  unsigned char out[CDFW_DIGEST_SIZE];
  const char *secret = luaL_checklstring(L, 1, &secret_length);
  const char *salt = luaL_checklstring(L, 2, &salt_length);
  cdfw_digest_stretch(secret, secret_length, salt, salt_length, (unsigned)luaL_checknumber(L, 3),
                      out);
  lua_pushlstring(L, (const char *)out, sizeof out);
  return 1;
}

static int is_utf8(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  lua_pushboolean(L, cdfw_text_is_utf8(text, length));
  lua_pushinteger(L, (lua_Integer)cdfw_text_characters(text, length));
  return 2;
}

/* {==== auth ==== */

static cdfw_auth *check_auth(lua_State *L) {
  return luaL_checkudata(L, 1, "rooms.auth");
}

static int auth_new(lua_State *L) {
  cdfw_auth *auth = lua_newuserdata(L, sizeof *auth);
  cdfw_auth_init(auth);
  luaL_getmetatable(L, "rooms.auth");
  lua_setmetatable(L, -2);
  return 1;
}

/* Callers are told apart by an integer. */
static const void *who(lua_State *L) {
  static const char callers[16];
  return &callers[luaL_checkinteger(L, 2) & 15];
}

/* auth:ask(who, now, limit) → "ready", "fetch" or "wait" */
static int auth_ask(lua_State *L) {
  static const char *const needs[] = {"ready", "fetch", "wait"};
  cdfw_auth_need need =
      cdfw_auth_ask(check_auth(L), who(L), luaL_checknumber(L, 3), luaL_checknumber(L, 4));
  lua_pushstring(L, needs[need]);
  return 1;
}

/* auth:take(token, now, lifetime, random) → refresh_at, expires */
static int auth_take(lua_State *L) {
  size_t length;
  cdfw_auth *auth = check_auth(L);
  const char *token = luaL_checklstring(L, 2, &length);
  cdfw_auth_take(auth, token, length, luaL_checknumber(L, 3), luaL_checknumber(L, 4),
                 luaL_checknumber(L, 5));
  lua_pushnumber(L, auth->refresh_at);
  lua_pushnumber(L, auth->expires);
  return 2;
}

/* auth:fail(who, now) */
static int auth_fail(lua_State *L) {
  cdfw_auth_fail(check_auth(L), who(L), luaL_checknumber(L, 3));
  return 0;
}

static int auth_refuse(lua_State *L) {
  cdfw_auth_refuse(check_auth(L), (unsigned)luaL_checkinteger(L, 2));
  return 0;
}

static int auth_leave(lua_State *L) {
  cdfw_auth_leave(check_auth(L), who(L));
  return 0;
}

static int auth_token(lua_State *L) {
  cdfw_auth *auth = check_auth(L);
  lua_pushlstring(L, cdfw_buffer_text(&auth->token), auth->token.length);
  lua_pushinteger(L, (lua_Integer)auth->serial);
  return 2;
}

static int auth_gc(lua_State *L) {
  cdfw_auth_free(check_auth(L));
  return 0;
}

static const luaL_Reg auth_methods[] = {
    {"ask", auth_ask},     {"take", auth_take},   {"fail", auth_fail}, {"refuse", auth_refuse},
    {"leave", auth_leave}, {"token", auth_token}, {"__gc", auth_gc},   {NULL, NULL}};

/* }==== */

/* {==== Connections ==== */

static cdfw_connections *check_connections(lua_State *L) {
  return luaL_checkudata(L, 1, "rooms.connections");
}

static int connections_new(lua_State *L) {
  memset(lua_newuserdata(L, sizeof(cdfw_connections)), 0, sizeof(cdfw_connections));
  luaL_getmetatable(L, "rooms.connections");
  lua_setmetatable(L, -2);
  return 1;
}

/* A connection is told by its port here. */
static uint64_t check_name(lua_State *L) {
  return cdfw_connections_name("10.0.0.1", 443, "10.0.0.2", (int)luaL_checkinteger(L, 2));
}

static int connections_begin(lua_State *L) {
  cdfw_connections_begin(check_connections(L), check_name(L), (int)luaL_checkinteger(L, 3));
  return 0;
}

static int connections_answered(lua_State *L) {
  cdfw_connections_answered(check_connections(L), check_name(L));
  return 0;
}

static int connections_least(lua_State *L) {
  lua_pushinteger(L,
                  (lua_Integer)cdfw_connections_least_stream(check_connections(L), check_name(L)));
  return 1;
}

static int connections_descriptor(lua_State *L) {
  lua_pushinteger(L, cdfw_connections_descriptor(check_connections(L), check_name(L)));
  return 1;
}

static const luaL_Reg connections_methods[] = {{"begin", connections_begin},
                                               {"answered", connections_answered},
                                               {"least", connections_least},
                                               {"descriptor", connections_descriptor},
                                               {NULL, NULL}};

/* }==== */

/* {==== Bundle ==== */

static void push_name(lua_State *L, uint64_t name) {
  lua_pushlstring(L, (const char *)&name, sizeof name);
}

/* bundle_name(der) → what stands for the name, or nil */
static int bundle_name(lua_State *L) {
  size_t length;
  uint64_t name;
  const char *der = luaL_checklstring(L, 1, &length);
  if (!cdfw_bundle_name((const unsigned char *)der, length, &name)) return 0;
  push_name(L, name);
  return 1;
}

/* bundle(path) → the list of its certificates { subject, der, found }; or nil */
static int bundle(lua_State *L) {
  cdfw_bundle read;
  memset(&read, 0, sizeof read);
  if (!cdfw_bundle_read(&read, luaL_checkstring(L, 1))) return 0;
  lua_newtable(L);
  for (size_t i = 0; i < read.count; i++) {
    const cdfw_certificate *one = &read.certificates[i], *found = NULL;
    do
      found = cdfw_bundle_find(&read, one->subject, found);
    while (found != NULL && found != one);
    lua_newtable(L);
    push_name(L, one->subject);
    lua_setfield(L, -2, "subject");
    lua_pushlstring(L, (const char *)one->der, one->length);
    lua_setfield(L, -2, "der");
    lua_pushboolean(L, found == one);
    lua_setfield(L, -2, "found");
    lua_rawseti(L, -2, (int)i + 1);
  }
  cdfw_bundle_free(&read);
  return 1;
}

/* }==== */

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  cdfw_setfuncs(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static const luaL_Reg functions[] = {{"reply", reply},
                                     {"move", move},
                                     {"look_from", look_from},
                                     {"look_delay", look_delay},
                                     {"delay", delay},
                                     {"retry_after", retry_after},
                                     {"http_date", http_date},
                                     {"budget", budget},
                                     {"auth", auth_new},
                                     {"problem", problem},
                                     {"encode", encode},
                                     {"redact", redact},
                                     {"stretch", stretch},
                                     {"is_utf8", is_utf8},
                                     {"connections", connections_new},
                                     {"bundle", bundle},
                                     {"bundle_name", bundle_name},
                                     {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_rooms(lua_State *L);

__attribute__((visibility("default"))) int luaopen_rooms(lua_State *L) {
  new_class(L, "rooms.auth", auth_methods);
  new_class(L, "rooms.connections", connections_methods);
  cdfw_newlib(L, functions);
  return 1;
}
