/* SPDX-License-Identifier: Apache-2.0
 * Builds the request of each phase and carries events and actions between Lua and op.c. */
#include "call.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "error.h"
#include "object.h"
#include "text.h"

static const char call_class[] = "cdfworkflow.call";

enum { CLIENT_SLOT = 1, ERROR_SLOT = 2, REQUEST_SLOT = 3 };

/* How far before the first attempt a look begins: CDF's own clock has been read, or only ours. */
static const double known_margin = 60;
static const double unknown_margin = 900;

#define CDF_API_VERSION "20230101" /* the cdf-version header (CDF.md 1) */

static cdfw_call *check(lua_State *L) {
  return luaL_checkudata(L, 1, call_class);
}

static void need(lua_State *L, bool added) {
  if (!added) luaL_error(L, "not enough memory");
}

cdfw_call *cdfw_call_push(lua_State *L, int client_index) {
  cdfw_client *client = cdfw_client_check(L, client_index);
  cdfw_call *call = cdfw_newuserdata(L, sizeof *call);
  memset(call, 0, sizeof *call);
  cdfw_buffer_init(&call->url, CDFW_MAX_URL, true); /* an upload's is a permission */
  cdfw_buffer_init(&call->headers, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&call->body, CDFW_MAX_BODY, true);
  cdfw_buffer_init(&call->workflow, CDFW_MAX_URL, false);
  cdfw_buffer_init(&call->version, CDFW_MAX_URL, false);
  cdfw_buffer_init(&call->token, CDFW_MAX_TOKEN, true);
  cdfw_buffer_init(&call->session_body, CDFW_MAX_BODY, true);
  cdfw_buffer_init(&call->session_secret, CDFW_MAX_BODY, true);
  cdfw_buffer_init(&call->nonce, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&call->secrets, CDFW_MAX_BODY, true);
  cdfw_buffer_init(&call->request_id, CDFW_MAX_HEADERS, false);
  cdfw_buffer_init(&call->look_url, CDFW_MAX_URL, false);
  cdfw_buffer_init(&call->look_filter, CDFW_MAX_HEADERS, false);
  cdfw_buffer_init(&call->look_cursor, CDFW_MAX_HEADERS, false);
  luaL_getmetatable(L, call_class);
  lua_setmetatable(L, -2);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, client_index);
  lua_rawseti(L, -2, CLIENT_SLOT);
  cdfw_setuservalue(L, -2);
  call->client = client;
  call->method = "POST";
  call->content_type = "application/json";
  call->op.auth = &client->auth;
  call->op.budget = &client->budget;
  call->op.random_state = &client->random_state;
  call->op.timeout = client->timeout;
  call->op.max_retries = client->max_retries;
  call->op.token_by_function = client->credentials->kind == CDFW_CREDENTIALS_FUNCTION;
  call->op.token_is_fixed = client->credentials->kind == CDFW_CREDENTIALS_TOKEN;
  return call;
}

/* It has been sent, and its end is not known yet. A forked child's copy of it is no loss. */
static bool is_under_way(const cdfw_call *call) {
  return !call->op.over && call->first_use != 0 && call->owner == (long)getpid();
}

/* A run that was under way and that nobody will hear of again: the one thing that must not happen
   without a word, in a collector that can call nobody. */
static void report_abandoned(cdfw_call *call) {
  bool named = call->request_id.length > 0;
  if (!is_under_way(call) || call->op.repeat != CDFW_REPEAT_RUN) return;
  /* One line, whatever the caller's id holds. */
  for (size_t i = 0; i < call->request_id.length; i++)
    if ((unsigned char)call->request_id.data[i] < ' ') call->request_id.data[i] = ' ';
  fprintf(stderr, "cdfworkflow: %s %s was abandoned before its answer came%s%s\n", call->method,
          cdfw_buffer_text(&call->url) + call->path_offset, named ? ", request id " : "",
          cdfw_buffer_text(&call->request_id));
}

static int call_gc(lua_State *L) {
  cdfw_call *call = check(L);
  report_abandoned(call);
  cdfw_op_leave(&call->op);
  /* A finalizer of the host's may still have it in its hands. */
  call->op.over = true;
  call->path_offset = 0;
  cdfw_buffer_free(&call->url);
  cdfw_buffer_free(&call->headers);
  cdfw_buffer_free(&call->body);
  cdfw_buffer_free(&call->workflow);
  cdfw_buffer_free(&call->version);
  cdfw_buffer_free(&call->token);
  cdfw_buffer_free(&call->session_body);
  cdfw_buffer_free(&call->session_secret);
  cdfw_buffer_free(&call->nonce);
  cdfw_buffer_free(&call->secrets);
  cdfw_buffer_free(&call->request_id);
  cdfw_buffer_free(&call->look_url);
  cdfw_buffer_free(&call->look_filter);
  cdfw_buffer_free(&call->look_cursor);
  return 0;
}

const char *cdfw_call_shown(const cdfw_call *call, size_t *length) {
  const char *path = cdfw_buffer_text(&call->url) + call->path_offset;
  *length = cdfw_message_shown(path, call->op.auth == NULL);
  return path;
}

static int call_tostring(lua_State *L) {
  cdfw_call *call = check(L);
  size_t length;
  const char *path = cdfw_call_shown(call, &length);
  lua_pushfstring(L, "cdfworkflow.call: %s ", call->method);
  lua_pushlstring(L, path, length);
  lua_concat(L, 2);
  return 1;
}

/* {==== Requests ==== */

static bool add_project_url(const cdfw_client *client, cdfw_buffer *url) {
  return cdfw_buffer_add(url, cdfw_buffer_text(&client->base_url), client->base_url.length) &&
         cdfw_buffer_adds(url, "/api/v1/projects/") &&
         cdfw_buffer_add(url, cdfw_buffer_text(&client->project), client->project.length);
}

void cdfw_call_begin_url(lua_State *L, cdfw_call *call) {
  need(L, add_project_url(call->client, &call->url));
  call->path_offset = call->url.length;
}

static bool add_buffer(cdfw_buffer *out, const cdfw_buffer *added) {
  return cdfw_buffer_add(out, cdfw_buffer_text(added), added->length);
}

static bool build_token_request(const cdfw_call *call, cdfw_request *request) {
  const cdfw_credentials *credentials = call->client->credentials;
  request->method = "POST";
  request->has_body = true;
  return add_buffer(&request->url, &credentials->token_url) &&
         cdfw_message_add_header(&request->headers, "Accept", "application/json") &&
         cdfw_message_add_header(&request->headers, "Content-Type",
                                 "application/x-www-form-urlencoded;charset=UTF-8") &&
         cdfw_credentials_add_form(credentials, &call->client->base_url, &request->body);
}

/* The client may have another token by the time an error repeats this one. */
static bool note_token(cdfw_call *call) {
  cdfw_buffer_clear(&call->token);
  return add_buffer(&call->token, &call->client->auth.token);
}

/* The header is put together in place, so that the token is in wiped memory only. */
static bool add_authorization(const cdfw_call *call, cdfw_buffer *headers) {
  return cdfw_buffer_adds(headers, "Authorization: Bearer ") &&
         add_buffer(headers, &call->client->auth.token) && cdfw_buffer_addc(headers, '\0');
}

/* The caller's headers for this request, which take the place of ours. */
static const cdfw_buffer *given_headers(const cdfw_call *call) {
  static const cdfw_buffer none;
  return call->op.phase == CDFW_PHASE_CALL ? &call->headers : &none;
}

static bool add_cdf_headers(const cdfw_call *call, cdfw_buffer *headers) {
  const cdfw_buffer *given = given_headers(call);
  return add_authorization(call, headers) &&
         cdfw_message_add_missing(headers, &call->client->headers, given) &&
         (cdfw_message_find_header(given, "cdf-version") != NULL ||
          cdfw_message_add_header(headers, "cdf-version", CDF_API_VERSION));
}

static bool build_session_request(const cdfw_call *call, cdfw_request *request) {
  request->method = "POST";
  request->has_body = true;
  return add_project_url(call->client, &request->url) &&
         cdfw_buffer_adds(&request->url, "/sessions") &&
         cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
         add_cdf_headers(call, &request->headers) &&
         add_buffer(&request->body, &call->session_body);
}

/* The nonce becomes the first member of the object that begins before nonce_offset. */
static bool add_body_with_nonce(const cdfw_call *call, cdfw_buffer *body) {
  const char *text = cdfw_buffer_text(&call->body);
  const char *rest = text + call->nonce_offset;
  bool nested = call->nonce_in_authentication;
  cdfw_buffer_add(body, text, call->nonce_offset);
  cdfw_buffer_adds(body, nested ? "\"authentication\":{\"nonce\":" : "\"nonce\":");
  cdfw_text_add_json_string(body, cdfw_buffer_text(&call->nonce), call->nonce.length);
  if (nested) cdfw_buffer_addc(body, '}');
  if (*rest != '}') cdfw_buffer_addc(body, ',');
  return cdfw_buffer_adds(body, rest);
}

static bool build_call_request(const cdfw_call *call, cdfw_request *request) {
  request->method = call->method;
  request->has_body = call->has_body;
  request->private_url = call->op.auth == NULL;
  bool built = add_buffer(&request->url, &call->url) &&
               (call->content_type == NULL ||
                cdfw_message_add_header(&request->headers, "Content-Type", call->content_type)) &&
               add_buffer(&request->headers, &call->headers);
  if (call->op.auth != NULL) built = built && add_cdf_headers(call, &request->headers);
  if (call->nonce.length > 0) return built && add_body_with_nonce(call, &request->body);
  return built && add_buffer(&request->body, &call->body);
}

/* From just before the first attempt on. A cursor is good for the filter it was given for. */
static void note_look(cdfw_call *call) {
  double cdf_time = cdfw_policy_http_date(call->date);
  double noted = cdf_time >= 0 ? cdf_time - known_margin : call->noted_wall - unknown_margin;
  if (call->op.mid_look) return;
  cdfw_buffer_clear(&call->look_cursor);
  call->look_start = floor(fmax((noted + call->first_use - call->noted_at) * 1000, 0));
}

/* POST /workflows/executions/list, or GET of the execution itself. */
static bool build_look_request(const cdfw_call *call, cdfw_request *request) {
  char since[96];
  bool built = add_buffer(&request->url, &call->look_url) &&
               cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
               add_cdf_headers(call, &request->headers);
  if (call->look_filter.length == 0) return built;
  request->method = "POST";
  request->has_body = true;
  snprintf(since, sizeof since, ",\"createdTimeStart\":%.0f},\"limit\":1000", call->look_start);
  built = built && cdfw_buffer_adds(&request->body, "{\"filter\":{\"workflowFilters\":") &&
          add_buffer(&request->body, &call->look_filter) && cdfw_buffer_adds(&request->body, since);
  if (call->look_cursor.length > 0) {
    cdfw_buffer_adds(&request->body, ",\"cursor\":");
    cdfw_text_add_json_string(&request->body, cdfw_buffer_text(&call->look_cursor),
                              call->look_cursor.length);
  }
  return built && cdfw_buffer_addc(&request->body, '}');
}

static bool build_revoke_request(const cdfw_call *call, cdfw_request *request) {
  char items[64];
  request->method = "POST";
  request->has_body = true;
  snprintf(items, sizeof items, "{\"items\":[{\"id\":%.0f}]}", call->session_id);
  return add_project_url(call->client, &request->url) &&
         cdfw_buffer_adds(&request->url, "/sessions/revoke") &&
         cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
         add_cdf_headers(call, &request->headers) && cdfw_buffer_adds(&request->body, items);
}

static bool build_request(const cdfw_call *call, cdfw_request *request) {
  switch (call->op.phase) {
    case CDFW_PHASE_TOKEN:
      return build_token_request(call, request);
    case CDFW_PHASE_SESSION:
      return build_session_request(call, request);
    case CDFW_PHASE_LOOK:
      return build_look_request(call, request);
    case CDFW_PHASE_REVOKE:
      return build_revoke_request(call, request);
    default:
      return build_call_request(call, request);
  }
}

/* [-0, +1] */
static void push_request(lua_State *L, cdfw_call *call, double now) {
  cdfw_request *request = cdfw_request_push(L);
  request->timeout = cdfw_op_attempt_timeout(&call->op, now);
  request->connect_timeout = fmin(request->timeout, call->client->connect_timeout);
  request->max_response_size = call->client->max_response_size;
  need(L, cdfw_message_add_missing(&request->headers, &call->client->agent, given_headers(call)) &&
              build_request(call, request) && note_token(call));
  cdfw_getuservalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, REQUEST_SLOT);
  lua_pop(L, 1);
}

/* Of what was exchanged the collector sees only the handles, not how many bytes they hold: so a
   request that was answered, and an answer that was read, are wiped and given back at once. */
static void free_request(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, REQUEST_SLOT);
  if (lua_isuserdata(L, -1)) cdfw_request_free(lua_touserdata(L, -1));
  lua_pushnil(L);
  lua_rawseti(L, -3, REQUEST_SLOT);
  lua_pop(L, 2);
}

/* }==== */

/* {==== Steps ==== */

static void push_token_function(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CLIENT_SLOT);
  cdfw_client_push_token_function(L, lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Moves the value on the top of the stack into the client, which is where waiters look. [-0, +0] */
static void keep_token_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CLIENT_SLOT);
  lua_pushvalue(L, -3);
  cdfw_client_keep_token_error(L, -2);
  lua_pop(L, 2);
}

/* [-0, +1] */
static void push_joined_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, CLIENT_SLOT);
  cdfw_client_push_token_error(L, lua_gettop(L));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* The error that ends the call; `message` is from the token function. [-0, +1] */
static void push_final_error(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                             const char *message, double now) {
  switch (call->op.ending) {
    case CDFW_ENDING_JOINED:
      push_joined_error(L);
      break;
    case CDFW_ENDING_TOKEN:
      lua_pushstring(L, message);
      cdfw_answer_redact(L, call);
      cdfw_error_push(L, "auth", "the token function of the credentials failed: %s",
                      lua_tostring(L, -1));
      lua_remove(L, -2);
      break;
    case CDFW_ENDING_DEADLINE:
      cdfw_answer_push_deadline_error(L, call);
      break;
    default:
      cdfw_answer_push_error(L, call, response);
      break;
  }
  cdfw_answer_finish_error(L, call, now);
  if (call->op.phase == CDFW_PHASE_TOKEN && !call->op.lost && call->op.ending != CDFW_ENDING_JOINED)
    keep_token_error(L);
}

/* Keeps the error that the caller will get while its session is taken back. [-0, +0] */
static void keep_error(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                       double now) {
  cdfw_getuservalue(L, 1);
  push_final_error(L, call, response, NULL, now);
  lua_rawseti(L, -2, ERROR_SLOT);
  lua_pop(L, 1);
}

/* [-0, +1] */
static void push_kept_error(lua_State *L) {
  cdfw_getuservalue(L, 1);
  lua_rawgeti(L, -1, ERROR_SLOT);
  lua_remove(L, -2);
}

static void note_use(cdfw_call *call, double now) {
  if (call->first_use != 0) return;
  call->first_use = now;
  call->owner = (long)getpid();
}

/* What there is to return for `action`; the result of a success is on the top. → count of results
 */
static int return_action(lua_State *L, cdfw_call *call, cdfw_action action,
                         const cdfw_response *response, const char *message, double now) {
  static const char *const names[] = {"http", "sleep", "token", "join", "done", "error"};
  static const char *const phases[] = {"token", "session", "call", "look", "revoke"};
  switch (action) {
    case CDFW_ACTION_HTTP:
      if (call->op.phase == CDFW_PHASE_REVOKE) keep_error(L, call, response, now);
      if (call->op.phase == CDFW_PHASE_CALL) note_use(call, now);
      if (call->op.phase == CDFW_PHASE_LOOK) note_look(call);
      push_request(L, call, now);
      break;
    case CDFW_ACTION_SLEEP:
    case CDFW_ACTION_JOIN:
      lua_pushnumber(L, call->op.delay);
      break;
    case CDFW_ACTION_TOKEN:
      push_token_function(L);
      break;
    case CDFW_ACTION_ERROR:
      if (call->op.phase == CDFW_PHASE_REVOKE)
        push_kept_error(L);
      else
        push_final_error(L, call, response, message, now);
      break;
    default:
      break;
  }
  lua_pushstring(L, names[action]);
  lua_insert(L, -2);
  lua_pushstring(L, phases[call->op.phase]);
  lua_pushboolean(L, call->op.denied);
  return 4;
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

/* What time it is for CDF: by its own Date header once there was one, else by this machine's clock.
   The header is read only where it is needed, for a look. */
static void note_time(cdfw_call *call, const cdfw_response *response, double now, double wall) {
  const char *date = cdfw_message_find_header(&response->headers, "date");
  if (date == NULL && call->date[0] != '\0') return;
  call->date[0] = '\0';
  if (date != NULL) strncat(call->date, date, sizeof call->date - 1);
  call->noted_at = now;
  call->noted_wall = wall;
}

/* CDF knows nothing of what was to be deleted, and an earlier attempt may have deleted it. */
static bool is_gone(const cdfw_call *call, const cdfw_outcome *outcome) {
  return call->result == CDFW_RESULT_GONE && call->op.phase == CDFW_PHASE_CALL &&
         call->op.maybe_done && outcome->failure == CDFW_FAILURE_NONE && outcome->status == 404;
}

/* step("answer", now, wall, response) */
static int step_answer(lua_State *L, cdfw_call *call, double now) {
  cdfw_outcome outcome;
  double wall = luaL_checknumber(L, 4);
  const cdfw_response *response = cdfw_answer_check(L, 5, call);
  free_request(L);
  cdfw_answer_outcome(response, wall, &outcome);
  if (call->op.phase != CDFW_PHASE_TOKEN) note_time(call, response, now, wall);
  lua_pushnil(L);
  if (is_gone(call, &outcome)) {
    outcome.status = 204;
    lua_newtable(L);
  } else if (outcome.failure == CDFW_FAILURE_NONE && outcome.status >= 200 &&
             outcome.status < 300) {
    outcome.unreadable = !cdfw_answer_read(L, call, response, &outcome, now);
  }
  /* On the top now: the result, or what is wrong with it; a token request has none. */
  cdfw_action action = cdfw_op_step(&call->op, CDFW_EVENT_ANSWER, &outcome, now);
  if (action == CDFW_ACTION_DONE && call->op.token_only) push_token_result(L, call, now);
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
    need(L, cdfw_auth_take(&call->client->auth, text, length, now, lifetime,
                           cdfw_random(&call->client->random_state)));
  cdfw_action action = cdfw_op_step(&call->op, event, NULL, now);
  const char *message = lua_tostring(L, -1);
  if (action == CDFW_ACTION_DONE) push_token_result(L, call, now);
  return return_action(L, call, action, NULL, message, now);
}

/* "start", "woke" and "token_failed", the last with a message at 4. */
static int step_plain(lua_State *L, cdfw_call *call, cdfw_event event, double now) {
  const char *message = luaL_optstring(L, 4, "no reason given");
  cdfw_action action = cdfw_op_step(&call->op, event, NULL, now);
  if (action == CDFW_ACTION_DONE) push_token_result(L, call, now);
  return return_action(L, call, action, NULL, message, now);
}

/* call:step(event, now, …) → action, value, phase, denied (a token was refused before). Events:
   "start"; "answer", wall, response; "woke"; "token", token, lifetime; "token_failed", message.
   Actions: "http", request; "sleep", seconds; "token", function; "join", seconds; "done", result;
   "error", err. Times in seconds. */
static int call_step(lua_State *L) {
  static const char *const events[] = {"start", "answer", "woke", "token", "token_failed", NULL};
  lua_settop(L, 5);
  cdfw_call *call = check(L);
  int event = luaL_checkoption(L, 2, NULL, events);
  double now = luaL_checknumber(L, 3);
  if ((event == 0) != (call->op.deadline == 0))
    return luaL_error(L, "a call is started once, before all other steps");
  if (call->op.over) return luaL_error(L, "the call is over");
  if (event > 2 && call->op.auth == NULL) return luaL_error(L, "the call needs no token");
  switch (event) {
    case 1:
      return step_answer(L, call, now);
    case 3:
      return step_token(L, call, now);
    default:
      return step_plain(L, call,
                        event == 0   ? CDFW_EVENT_START
                        : event == 2 ? CDFW_EVENT_WOKE
                                     : CDFW_EVENT_TOKEN_FAILED,
                        now);
  }
}

/* call:leave(): nobody will step it any more, so others need not wait for the token that it was
   fetching. */
static int call_leave(lua_State *L) {
  cdfw_op_leave(&check(L)->op);
  return 0;
}

/* }==== */

/* call:at_stake() → what it is, its request id or nil; nothing when giving it up would do no harm:
   when it has not been sent yet, or may be sent as often as one likes. */
static int call_at_stake(lua_State *L) {
  const cdfw_call *call = check(L);
  size_t length;
  if (!is_under_way(call) || call->op.repeat == CDFW_REPEAT_SAFE) return 0;
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

static const luaL_Reg call_methods[] = {{"step", call_step},           {"leave", call_leave},
                                        {"at_stake", call_at_stake},   {"__gc", call_gc},
                                        {"__tostring", call_tostring}, {NULL, NULL}};

void cdfw_call_open(lua_State *L) {
  cdfw_object_class(L, call_class, call_methods);
}
