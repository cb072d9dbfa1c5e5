/* SPDX-License-Identifier: Apache-2.0
 * Carries events and actions between Lua and op.c; see step.h. */
#include "step.h"

#include <math.h>
#include <string.h>

#include "answer.h"
#include "call_error.h"
#include "clock.h"
#include "error.h"
#include "object.h"
#include "process.h"
#include "requests.h"
#include "text.h"

/* Two readings of a clock that differ by less are the same: HTTP dates have whole seconds. */
static const double clock_grain = 60e3; /* ms */

static double look_from(const cdfw_call *call) {
  bool before = call->op.is.look.aim == CDFW_AIM_BEFORE;
  double first = before ? call->op.is.started : call->first_use;
  return cdfw_look_from(&call->clocks, first, before ? call->op.plan.look_back : 0);
}

/* Whether the look under way began too late, by a clock that was read since. */
static bool begins_too_late(const cdfw_call *call) {
  return look_from(call) < call->look_start - clock_grain;
}

/* A cursor is good for the filter it was given for. */
static void note_look(cdfw_call *call) {
  if (call->op.is.look.mid && !begins_too_late(call)) return;
  cdfw_buffer_clear(&call->look_cursor);
  call->look_start = look_from(call);
}

/* The client may have another token by the time an error repeats this one. */
static bool note_token(cdfw_call *call) {
  const cdfw_buffer *token = &call->client->auth.token;
  const char *text = cdfw_buffer_text(token);
  if (call->token.length == token->length &&
      memcmp(cdfw_buffer_text(&call->token), text, token->length) == 0)
    return true;
  cdfw_buffer_clear(&call->token);
  return cdfw_buffer_add(&call->token, text, token->length);
}

static void note_use(cdfw_call *call, double now) {
  if (call->first_use != 0) return;
  call->first_use = now;
  call->owner = cdfw_process_id();
}

/* Fills an empty request. [-0, +0] */
static void build_request(lua_State *L, cdfw_call *call, cdfw_request *request, double now) {
  if (call->op.is.phase == CDFW_PHASE_CALL) note_use(call, now);
  if (call->op.is.phase == CDFW_PHASE_LOOK) note_look(call);
  request->timeout = cdfw_op_attempt_timeout(&call->op, now);
  request->connect_timeout = fmin(request->timeout, call->client->connect_timeout);
  request->max_response_size = call->client->max_response_size;
  cdfw_need(L, cdfw_message_add_missing(&request->headers, &call->client->agent,
                                        cdfw_requests_given_headers(call)) &&
                   cdfw_requests_build(call, request) && note_token(call));
}

/* [-0, +1] */
static void push_request(lua_State *L, cdfw_call *call, double now) {
  build_request(L, call, cdfw_request_push(L), now);
  cdfw_getuservalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, CDFW_CALL_REQUEST);
  lua_pop(L, 1);
}

/* Of what was exchanged the collector sees only the handles, not how many bytes they hold: so a
   request that was answered, and an answer that was read, are wiped and given back at once. */
static void free_request(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_REQUEST);
  if (lua_isuserdata(L, -1)) cdfw_request_free(lua_touserdata(L, -1));
  lua_pushnil(L);
  lua_rawseti(L, -3, CDFW_CALL_REQUEST);
  lua_pop(L, 2);
}

static void push_token_function(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_CLIENT);
  cdfw_client_push_token_function(L, lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Moves the value on the top of the stack into the client, which is where waiters look. [-0, +0] */
static void keep_token_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_CLIENT);
  lua_pushvalue(L, -3);
  cdfw_client_keep_token_error(L, -2);
  lua_pop(L, 2);
}

/* [-0, +1] */
static void push_joined_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_CLIENT);
  cdfw_client_push_token_error(L, lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* [-0, +1] */
static void push_kept_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_ERROR);
  lua_remove(L, -2);
}

/* The error that ends the call; `message` is from the token function. [-0, +1] */
static void push_final_error(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                             const char *message, double now) {
  switch (call->op.is.ending) {
    case CDFW_ENDING_JOINED:
      push_joined_error(L);
      break;
    case CDFW_ENDING_TOKEN:
      lua_pushstring(L, message);
      cdfw_call_redact(L, call);
      cdfw_error_push(L, "auth", "no access token: %s", lua_tostring(L, -1));
      lua_remove(L, -2);
      break;
    case CDFW_ENDING_DEADLINE:
      cdfw_call_error_push_deadline(L, call);
      break;
    case CDFW_ENDING_KEPT:
      push_kept_error(L);
      return;
    default:
      cdfw_call_error_push(L, call, response);
      break;
  }
  cdfw_call_error_finish(L, call, now);
  if (call->op.is.phase == CDFW_PHASE_TOKEN && !call->op.is.in_doubt &&
      call->op.is.ending != CDFW_ENDING_JOINED)
    keep_token_error(L);
}

/* Keeps the error that the caller will get, while something else is done first. [-0, +0] */
static void keep_error(lua_State *L, cdfw_call *call, const cdfw_response *response, double now) {
  call->op.is.keeps_error = false;
  cdfw_getuservalue(L, 1);
  cdfw_call_error_push(L, call, response);
  cdfw_call_error_finish(L, call, now);
  lua_rawseti(L, -2, CDFW_CALL_ERROR);
  lua_pop(L, 1);
}

/* The id of a session that was left alone for a new one, for the caller to be told of; or nil.
   [-0, +1] */
static void push_surplus(lua_State *L, cdfw_call *call) {
  if (call->op.is.has_surplus)
    lua_pushnumber(L, call->session_id);
  else
    lua_pushnil(L);
  call->op.is.has_surplus = false;
}

/* What there is to return for `action`; the result of a success is on the top. → count of results
 */
static int return_action(lua_State *L, cdfw_call *call, cdfw_action action,
                         const cdfw_response *response, const char *message, double now) {
  static const char *const names[] = {
      [CDFW_ACTION_HTTP] = "http", [CDFW_ACTION_SLEEP] = "sleep", [CDFW_ACTION_TOKEN] = "token",
      [CDFW_ACTION_JOIN] = "join", [CDFW_ACTION_DONE] = "done",   [CDFW_ACTION_ERROR] = "error"};
  static const char *const phases[] = {[CDFW_PHASE_TOKEN] = "token",
                                       [CDFW_PHASE_SESSION] = "session",
                                       [CDFW_PHASE_CALL] = "call",
                                       [CDFW_PHASE_LOOK] = "look",
                                       [CDFW_PHASE_REVOKE] = "revoke"};
  if (call->op.is.keeps_error) keep_error(L, call, response, now);
  switch (action) {
    case CDFW_ACTION_HTTP:
      push_request(L, call, now);
      break;
    case CDFW_ACTION_SLEEP:
    case CDFW_ACTION_JOIN:
      lua_pushnumber(L, call->op.is.delay);
      break;
    case CDFW_ACTION_TOKEN:
      push_token_function(L);
      break;
    case CDFW_ACTION_ERROR:
      push_final_error(L, call, response, message, now);
      break;
    default:
      break;
  }
  lua_pushstring(L, names[action]);
  lua_insert(L, -2);
  lua_pushstring(L, phases[call->op.is.phase]);
  lua_pushboolean(L, call->op.is.denied);
  push_surplus(L, call);
  if (call->op.is.over) cdfw_call_end(call);
  return 5;
}

/* The result of an authentication: how long the token is good. [-0, +1] */
static void push_token_result(lua_State *L, const cdfw_call *call, double now) {
  double left = call->client->auth.expires - now;
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "Bearer");
  lua_setfield(L, -2, "tokenType");
  if (isinf(left)) return;
  lua_pushnumber(L, fmax(left, 0));
  lua_setfield(L, -2, "expiresIn");
}

/* This machine's clock may be set while a call is under way; what counts is how it was before. */
static void note_wall(cdfw_call *call, double now, double wall) {
  if (call->first_use != 0) return;
  call->clocks.wall = wall;
  call->clocks.wall_at = now;
}

/* What time it is for CDF. Read only where it is needed, for a look. */
static void note_date(cdfw_call *call, const cdfw_response *response, double now) {
  if (call->op.plan.look == CDFW_LOOK_NOT) return;
  if (call->first_use != 0 && call->clocks.cdf >= 0) return;
  const char *date = cdfw_message_find_header(&response->headers, "date");
  double time = date != NULL ? cdfw_policy_http_date(date) : -1;
  if (time < 0) return;
  call->clocks.cdf = time;
  call->clocks.cdf_at = now;
}

/* CDF knows nothing of what was to be deleted, and an earlier attempt may have deleted it. */
static bool is_gone(const cdfw_call *call, const cdfw_outcome *outcome) {
  return call->result == CDFW_RESULT_GONE && call->op.is.phase == CDFW_PHASE_CALL &&
         call->op.is.maybe_done && outcome->failure == CDFW_FAILURE_NONE && outcome->own &&
         (outcome->status == 404 || (outcome->status == 400 && outcome->missing));
}

/* What follows from an answer. On the top then: the result, or what is wrong with it. [-0, +1] */
static cdfw_action take_answer(lua_State *L, cdfw_call *call, const cdfw_response *response,
                               double now, double wall) {
  cdfw_outcome outcome;
  cdfw_answer_outcome(L, call, response, wall, &outcome);
  note_wall(call, now, wall);
  if (call->op.is.phase != CDFW_PHASE_TOKEN) note_date(call, response, now);
  lua_pushnil(L);
  if (is_gone(call, &outcome)) {
    outcome.status = 204;
    lua_newtable(L);
  } else if (outcome.failure == CDFW_FAILURE_NONE && outcome.status >= 200 &&
             outcome.status < 300) {
    outcome.unreadable = !cdfw_answer_read(L, call, response, &outcome, now);
    if (call->op.is.phase == CDFW_PHASE_LOOK && !outcome.found && begins_too_late(call))
      outcome.more = true;
  }
  cdfw_action action = cdfw_op_step(&call->op, CDFW_EVENT_ANSWER, &outcome, now);
  if (action == CDFW_ACTION_DONE && call->op.plan.token_only) push_token_result(L, call, now);
  return action;
}

/* step("answer", now, wall, response) */
static int step_answer(lua_State *L, cdfw_call *call, double now) {
  double wall = luaL_checknumber(L, 4);
  const cdfw_response *response = cdfw_answer_check(L, 5, call);
  free_request(L);
  cdfw_action action = take_answer(L, call, response, now, wall);
  int results = return_action(L, call, action, response, NULL, now);
  cdfw_response_free(lua_touserdata(L, 5));
  return results;
}

/* step("token", now, token, lifetime): the Lua function's token. Without a lifetime the token is
   good for the next request, and the function is asked again for the one after. */
static int step_token(lua_State *L, cdfw_call *call, double now) {
  size_t length;
  const char *text = luaL_checklstring(L, 4, &length);
  double lifetime = luaL_optnumber(L, 5, 0);
  const char *problem = cdfw_text_token_problem(text, length);
  if (problem == NULL && length > CDFW_MAX_TOKEN) problem = "is longer than 32768 bytes";
  cdfw_event event = CDFW_EVENT_TOKEN;
  lua_pushfstring(L, "the token %s", problem != NULL ? problem : "");
  if (problem != NULL)
    event = CDFW_EVENT_TOKEN_FAILED;
  else
    cdfw_need(L, cdfw_auth_take(&call->client->auth, text, length, now, lifetime,
                                cdfw_random(&call->client->random_state)));
  cdfw_action action = cdfw_op_step(&call->op, event, NULL, now);
  const char *message = lua_tostring(L, -1);
  if (action == CDFW_ACTION_DONE) push_token_result(L, call, now);
  return return_action(L, call, action, NULL, message, now);
}

/* [-0, +0], or [-0, +1] where there is a result already */
static cdfw_action begin(lua_State *L, cdfw_call *call, double now, double wall) {
  note_wall(call, now, wall);
  cdfw_action action = cdfw_op_step(&call->op, CDFW_EVENT_START, NULL, now);
  if (action == CDFW_ACTION_DONE) push_token_result(L, call, now);
  return action;
}

/* step("start", now, wall): the wall clock is this machine's unless told. */
static int step_start(lua_State *L, cdfw_call *call, double now) {
  cdfw_action action = begin(L, call, now, luaL_optnumber(L, 4, cdfw_clock_wall()));
  return return_action(L, call, action, NULL, NULL, now);
}

/* "woke", and "token_failed" with a message at 4. */
static int step_plain(lua_State *L, cdfw_call *call, cdfw_event event, double now) {
  const char *message = luaL_optstring(L, 4, "no reason given");
  /* Without an assertion the token request was not sent. */
  if (event == CDFW_EVENT_TOKEN_FAILED && !call->op.plan.token_by_function) call->op.is.attempts--;
  cdfw_action action = cdfw_op_step(&call->op, event, NULL, now);
  if (action == CDFW_ACTION_DONE) push_token_result(L, call, now);
  return return_action(L, call, action, NULL, message, now);
}

static void check_turn(lua_State *L, const cdfw_call *call, bool starts) {
  if (starts != (call->op.is.deadline == 0))
    luaL_error(L, "a call is started once, before all other steps");
  if (call->op.is.over) luaL_error(L, "the call is over");
}

/* call:step(event, now, …) → action, value, phase, denied (a token was refused before), the id of a
   session that was left alone for a new one (or nil). Events: "start", wall; "answer", wall,
   response; "woke"; "token", token, lifetime; "token_failed", message. Actions: "http", request;
   "sleep", seconds; "token", function; "join", seconds; "done", result; "error", err. Times in
   seconds. */
static int call_step(lua_State *L) {
  static const char *const events[] = {[CDFW_EVENT_START] = "start",
                                       [CDFW_EVENT_ANSWER] = "answer",
                                       [CDFW_EVENT_WOKE] = "woke",
                                       [CDFW_EVENT_TOKEN] = "token",
                                       [CDFW_EVENT_TOKEN_FAILED] = "token_failed",
                                       NULL};
  lua_settop(L, 5);
  cdfw_call *call = cdfw_call_check(L);
  int event = luaL_checkoption(L, 2, NULL, events);
  double now = luaL_checknumber(L, 3);
  check_turn(L, call, event == CDFW_EVENT_START);
  bool of_token = event == CDFW_EVENT_TOKEN || event == CDFW_EVENT_TOKEN_FAILED;
  if (of_token && call->op.plan.auth == NULL) return luaL_error(L, "the call needs no token");
  switch ((cdfw_event)event) {
    case CDFW_EVENT_START:
      return step_start(L, call, now);
    case CDFW_EVENT_ANSWER:
      return step_answer(L, call, now);
    case CDFW_EVENT_TOKEN:
      return step_token(L, call, now);
    default:
      return step_plain(L, call, (cdfw_event)event, now);
  }
}

int cdfw_step_carried(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_request *request) {
  double now = cdfw_clock_monotonic(), wall = cdfw_clock_wall();
  check_turn(L, call, response == NULL);
  cdfw_action action =
      response == NULL ? begin(L, call, now, wall) : take_answer(L, call, response, now, wall);
  if (action != CDFW_ACTION_HTTP || call->op.is.phase == CDFW_PHASE_TOKEN)
    return return_action(L, call, action, response, NULL, now);
  if (call->op.is.keeps_error) keep_error(L, call, response, now);
  build_request(L, call, request, now);
  return 0;
}

/* call:assertion(text) → what is wrong with the text, or nothing: proves who the client is in the
   token request that step gave last, which was not sent yet. */
static int call_assertion(lua_State *L) {
  size_t length;
  cdfw_call *call = cdfw_call_check(L);
  const char *text = luaL_checklstring(L, 2, &length);
  const char *problem = cdfw_text_token_problem(text, length);
  lua_pushfstring(L, "the assertion %s", problem != NULL ? problem : "");
  if (problem != NULL) return 1;
  lua_settop(L, 2);
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CDFW_CALL_REQUEST);
  cdfw_request *request = cdfw_request_check(L, -1);
  cdfw_need(L, cdfw_credentials_add_assertion(text, length, &request->body) &&
                   cdfw_buffer_add(&call->secrets, text, length) &&
                   cdfw_buffer_addc(&call->secrets, '\0'));
  return 0;
}

/* call:leave(): nobody will step it any more, so others need not wait for the token that it was
   fetching. */
static int call_leave(lua_State *L) {
  cdfw_op_leave(&cdfw_call_check(L)->op);
  return 0;
}

/* call:at_stake() → what it is, its request id or nil; nothing when giving it up would do no harm:
   when it has not been sent yet, or may be sent as often as one likes. */
static int call_at_stake(lua_State *L) {
  const cdfw_call *call = cdfw_call_check(L);
  size_t length;
  if (!cdfw_call_is_under_way(call) || call->op.plan.repeat == CDFW_REPEAT_SAFE) return 0;
  const char *path = cdfw_call_shown(call, &length);
  lua_pushfstring(L, "%s ", call->method);
  lua_pushlstring(L, path, length);
  lua_concat(L, 2);
  if (call->request_id.length > 0)
    lua_pushlstring(L, call->request_id.data, call->request_id.length);
  else
    lua_pushnil(L);
  return 2;
}

static const luaL_Reg call_methods[] = {{"step", call_step},
                                        {"assertion", call_assertion},
                                        {"leave", call_leave},
                                        {"at_stake", call_at_stake},
                                        {"drop", cdfw_call_gc},
                                        {"__gc", cdfw_call_gc},
                                        {"__tostring", cdfw_call_tostring},
                                        {NULL, NULL}};

void cdfw_step_open(lua_State *L) {
  cdfw_object_class(L, cdfw_call_class, call_methods);
}
