/* SPDX-License-Identifier: Apache-2.0
 * Answers of CDF and of token endpoints; see answer.h. */
#include "answer.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "json.h"
#include "json_find.h"
#include "object.h"
#include "text.h"

/* {==== Responses made in Lua ==== */

static void copy_header(lua_State *L, cdfw_response *response) {
  if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1)) return;
  lua_pushvalue(L, -1);
  cdfw_message_add_header(&response->headers, lua_tostring(L, -3), lua_tostring(L, -1));
  lua_pop(L, 1);
}

static void copy_headers(lua_State *L, int table, cdfw_response *response) {
  lua_getfield(L, table, "headers");
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
      copy_header(L, response);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static void copy_body(lua_State *L, int table, cdfw_response *response) {
  size_t length = 0;
  lua_getfield(L, table, "body");
  const char *body = lua_tolstring(L, -1, &length);
  if (body != NULL) cdfw_buffer_add(&response->body, body, length);
  if (response->body.state == CDFW_BUFFER_FULL) {
    response->failure = CDFW_FAILURE_TOO_LARGE;
    response->sent = true;
  }
  if (response->body.state == CDFW_BUFFER_NO_MEMORY) luaL_error(L, "not enough memory");
  lua_pop(L, 1);
}

static void copy_failure(lua_State *L, int table, const cdfw_call *call, cdfw_response *response) {
  lua_getfield(L, table, "failure");
  if (lua_type(L, -1) == LUA_TSTRING) {
    response->failure = cdfw_failure_from_name(lua_tostring(L, -1));
    lua_getfield(L, table, "sent");
    /* Who does not say that nothing was sent has perhaps sent everything. */
    response->sent = lua_isnil(L, -1) || lua_toboolean(L, -1);
    lua_getfield(L, table, "message");
    if (lua_isstring(L, -1)) {
      cdfw_call_redact(L, call);
      strncat(response->detail, lua_tostring(L, -1), sizeof response->detail - 1);
    }
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

const cdfw_response *cdfw_answer_check(lua_State *L, int index, const cdfw_call *call) {
  cdfw_response *response = cdfw_response_test(L, index);
  if (response != NULL) return response;
  luaL_checktype(L, index, LUA_TTABLE);
  response = cdfw_response_push(L, call->client->max_response_size);
  lua_getfield(L, index, "status");
  response->status = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  copy_headers(L, index, response);
  copy_failure(L, index, call, response);
  copy_body(L, index, response);
  if (response->failure == CDFW_FAILURE_NONE && response->status < 100)
    luaL_error(L, "a transport must answer with a status or a failure");
  lua_replace(L, index);
  return response;
}

/* }==== */

/* {==== Reading JSON ==== */

/* A light userdata points to what may be changed; the response may not be. */
struct reading {
  const cdfw_response *response;
};

/* [-0, +1] the value, or with false what is wrong */
static bool read_body(lua_State *L, const cdfw_response *response) {
  const cdfw_buffer *body = &response->body;
  return cdfw_json_read(L, cdfw_buffer_text(body), body->length, CDFW_JSON_STRIP_NULLS);
}

/* The reading is at 1 as light userdata. [-0, +2] the value or what is wrong, and which of them */
static int read_protected(lua_State *L) {
  const struct reading *reading = lua_touserdata(L, 1);
  lua_pushboolean(L, read_body(L, reading->response));
  return 2;
}

/* The answer's body as JSON: true [-0, +1] pushes the value, false [-0, +1] what is wrong. An
   answer may hold a token or a nonce, and a debug hook sees the arguments and the results of
   lua-cjson; so the host's hook rests meanwhile. */
bool cdfw_answer_read_unseen(lua_State *L, const cdfw_response *response) {
  struct reading reading = {response};
  lua_Hook hook = lua_gethook(L);
  if (hook == NULL) return read_body(L, response);
  int mask = lua_gethookmask(L), count = lua_gethookcount(L);
  lua_pushcfunction(L, read_protected);
  lua_pushlightuserdata(L, &reading);
  lua_sethook(L, NULL, 0, 0);
  int status = lua_pcall(L, 1, 2, 0);
  /* A hook that is there now was set by a signal handler just now: an interrupt, which is to stay.
   */
  if (lua_gethook(L) == NULL) lua_sethook(L, hook, mask, count);
  if (status != 0) lua_error(L);
  bool read = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return read;
}

/* }==== */

/* {==== Outcomes ==== */

/* CDF's error envelope is {"error": {"code": number, "message": text, …}} (CDF.md 11). What stands
   in front of it answers with pages, and with JSON of its own. The body's value is on the top.
   [-0, +0] */
static void read_own(lua_State *L, cdfw_outcome *outcome) {
  lua_getfield(L, -1, "error");
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "message");
    lua_getfield(L, -2, "code");
    outcome->own = lua_type(L, -1) == LUA_TNUMBER && lua_type(L, -2) == LUA_TSTRING;
    lua_getfield(L, -3, "missing");
    outcome->missing = lua_istable(L, -1) && cdfw_rawlen(L, -1) > 0;
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
}

/* An identity provider has no envelope: whatever it says counts as its own. */
static void judge_owner(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                        cdfw_outcome *outcome) {
  outcome->own = call->op.is.phase == CDFW_PHASE_TOKEN;
  if (outcome->own || outcome->status < 400 || response->body.length == 0) return;
  if (cdfw_answer_read_unseen(L, response) && lua_istable(L, -1)) read_own(L, outcome);
  lua_pop(L, 1);
}

/* A transport of the caller's own need not say so; some failures speak for themselves. */
static bool was_connected(const cdfw_response *response) {
  return response->connected || response->sent || response->failure == CDFW_FAILURE_NONE ||
         response->failure == CDFW_FAILURE_SEND || response->failure == CDFW_FAILURE_RECEIVE;
}

void cdfw_answer_outcome(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                         double wall, cdfw_outcome *outcome) {
  const cdfw_buffer *headers = &response->headers;
  const char *marked = cdfw_message_find_header(headers, "cdf-is-auto-retryable");
  const char *asked = cdfw_message_find_header(headers, "retry-after");
  memset(outcome, 0, sizeof *outcome);
  outcome->failure = response->failure;
  outcome->sent = response->sent;
  outcome->connected = was_connected(response);
  outcome->status = response->status;
  outcome->auto_retryable = marked != NULL && strcasecmp(marked, "true") == 0;
  outcome->retry_after = asked != NULL ? cdfw_policy_retry_after(
                                             asked, cdfw_message_find_header(headers, "date"), wall)
                                       : -1;
  if (outcome->failure == CDFW_FAILURE_NONE) judge_owner(L, call, response, outcome);
}

/* }==== */

/* {==== Successes ==== */

/* Whether the member of the table on the top is a string that is not empty. [-0, +0] */
static bool has_text(lua_State *L, const char *member) {
  lua_getfield(L, -1, member);
  bool present = lua_type(L, -1) == LUA_TSTRING && cdfw_rawlen(L, -1) > 0;
  lua_pop(L, 1);
  return present;
}

/* Replaces the value on the top by a text. [-1, +1] → false */
static bool complain(lua_State *L, const char *text) {
  lua_pop(L, 1);
  lua_pushstring(L, text);
  return false;
}

/* `expires_in` of the token answer on the top: number or numeric text; a negative result says that
   there is none, NaN that it makes no sense. */
static double read_lifetime(lua_State *L) {
  lua_getfield(L, -1, "expires_in");
  double lifetime = -1;
  if (lua_isnumber(L, -1))
    lifetime = fmax(lua_tonumber(L, -1), 0);
  else if (!lua_isnil(L, -1) && !lua_islightuserdata(L, -1))
    lifetime = NAN;
  lua_pop(L, 1);
  return lifetime;
}

static bool read_token(lua_State *L, cdfw_call *call, double now) {
  static const double usual_lifetime = 300; /* seconds, where the provider does not say */
  size_t length;
  if (!lua_istable(L, -1) || !has_text(L, "access_token"))
    return complain(L, "it holds no access_token");
  double lifetime = read_lifetime(L);
  if (isnan(lifetime)) return complain(L, "its expires_in is not a number");
  if (lifetime < 0) lifetime = usual_lifetime;
  lua_getfield(L, -1, "access_token");
  const char *token = lua_tolstring(L, -1, &length);
  bool clean = cdfw_text_token_problem(token, length) == NULL && length <= CDFW_MAX_TOKEN;
  if (clean && !cdfw_auth_take(&call->client->auth, token, length, now, lifetime,
                               cdfw_random(&call->client->random_state)))
    luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  if (!clean) return complain(L, "its access_token cannot stand in a header");
  lua_pop(L, 1);
  lua_pushnil(L);
  return true;
}

static void keep_session(lua_State *L, cdfw_call *call, const char *nonce, size_t length,
                         double id) {
  cdfw_buffer_clear(&call->nonce);
  if (!cdfw_buffer_add(&call->nonce, nonce, length)) luaL_error(L, "not enough memory");
  call->session_id = id;
  /* Never another one's: a number that is no id, or is not exact, is none. */
  call->op.is.has_session_id = id >= 1 && id < 9007199254740992.0 && id == floor(id);
}

typedef struct found_session {
  const char *nonce;
  size_t length;
  double id;
} found_session;

static bool is(const char *text, size_t length, const char *word) {
  return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* A member of the item. */
static bool find_member(cdfw_json_walk *walk, found_session *found) {
  const char *name;
  size_t length;
  if (!cdfw_json_take_text(walk, &name, &length) || !cdfw_json_take(walk, ':')) return false;
  if (is(name, length, "nonce")) return cdfw_json_take_text(walk, &found->nonce, &found->length);
  if (is(name, length, "id")) return cdfw_json_take_whole(walk, &found->id);
  return cdfw_json_skip(walk);
}

/* {"items":[{…}]}: what CDF gives. Of most sessions only the nonce is wanted, and no table need be
   made for it; whatever is not just so is left to read_session. */
static bool find_session(const cdfw_buffer *body, found_session *found) {
  const char *name;
  size_t length;
  const char *text = cdfw_buffer_text(body);
  cdfw_json_walk walk = {text, text + body->length};
  bool opened = cdfw_json_take(&walk, '{') && cdfw_json_take_text(&walk, &name, &length) &&
                is(name, length, "items") && cdfw_json_take(&walk, ':') &&
                cdfw_json_take(&walk, '[') && cdfw_json_take(&walk, '{');
  if (!opened) return false;
  do {
    if (!find_member(&walk, found)) return false;
  } while (cdfw_json_take(&walk, ','));
  return cdfw_json_take(&walk, '}') && cdfw_json_take(&walk, ']') && cdfw_json_take(&walk, '}') &&
         walk.at == walk.end && found->length > 0;
}

/* [-0, +1] true, with nil on the top; or [-0, +0] false */
static bool take_session(lua_State *L, cdfw_call *call, const cdfw_response *response) {
  found_session found = {NULL, 0, 0};
  if (call->op.plan.session_only || !find_session(&response->body, &found)) return false;
  keep_session(L, call, found.nonce, found.length, found.id);
  lua_pushnil(L);
  return true;
}

/* Leaves the session on the top where it is the result, and nil where only its nonce is wanted. */
static bool read_session(lua_State *L, cdfw_call *call) {
  if (!lua_istable(L, -1)) return complain(L, "it is not an object");
  lua_getfield(L, -1, "items");
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
  }
  lua_replace(L, -2);
  if (!lua_istable(L, -1) || !has_text(L, "nonce")) return complain(L, "it holds no nonce");
  size_t length;
  lua_getfield(L, -1, "nonce");
  const char *nonce = lua_tolstring(L, -1, &length);
  lua_getfield(L, -2, "id");
  keep_session(L, call, nonce, length, lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0);
  lua_pop(L, 2);
  if (!call->op.plan.session_only) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  return true;
}

/* Whether the string member of the table on the top is exactly `text`. [-0, +0] */
static bool member_is(lua_State *L, const char *member, const char *text, size_t length) {
  size_t own_length = 0;
  lua_getfield(L, -1, member);
  const char *own = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &own_length) : NULL;
  bool same = own != NULL && own_length == length && memcmp(own, text, length) == 0;
  lua_pop(L, 1);
  return same;
}

/* Whether the member of the table on the top is a text, and another one than was asked for. An
   empty `asked` fits any. [-0, +0] */
static bool is_another(lua_State *L, const char *member, const cdfw_buffer *asked) {
  return asked->length > 0 && has_text(L, member) &&
         !member_is(L, member, cdfw_buffer_text(asked), asked->length);
}

/* Whether the execution on the top bears the request id of another run. [-0, +0] */
static bool is_of_another_run(lua_State *L, const cdfw_call *call) {
  if (call->request_id.length == 0 || call->op.plan.look != CDFW_LOOK_MARK) return false;
  lua_getfield(L, -1, "metadata");
  bool another = lua_istable(L, -1) && is_another(L, CDFW_REQUEST_ID_KEY, &call->request_id);
  lua_pop(L, 1);
  return another;
}

static bool read_execution(lua_State *L, const cdfw_call *call) {
  if (!lua_istable(L, -1)) return complain(L, "it is not an object");
  static const char *const needed[] = {"id", "status", "workflowExternalId"};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
    if (has_text(L, needed[i])) continue;
    lua_pop(L, 1);
    lua_pushfstring(L, "the execution in it has no %s", needed[i]);
    return false;
  }
  if (is_another(L, "id", &call->execution)) return complain(L, "it holds another execution");
  if (is_another(L, "workflowExternalId", &call->workflow))
    return complain(L, "it holds an execution of another workflow");
  if (is_another(L, "version", &call->version))
    return complain(L, "it holds an execution of another version");
  if (is_of_another_run(L, call)) return complain(L, "it holds an execution of another run");
  return true;
}

/* Whether the execution on the top was started with the call's request id. [-0, +0] */
static bool has_request_id(lua_State *L, const cdfw_buffer *request_id) {
  if (!lua_istable(L, -1)) return false;
  lua_getfield(L, -1, "metadata");
  bool same = lua_istable(L, -1) &&
              member_is(L, CDFW_REQUEST_ID_KEY, cdfw_buffer_text(request_id), request_id->length);
  lua_pop(L, 1);
  return same;
}

/* Takes the cursor of the page on the top for the next one, if any. An empty cursor is none; the
   same again would never end, and the next look begins anew. [-0, +0] true, or [-1, +1] false */
static bool keep_cursor(lua_State *L, cdfw_call *call, cdfw_outcome *outcome) {
  cdfw_buffer *cursor = &call->look_cursor;
  size_t length;
  outcome->more = has_text(L, "nextCursor");
  bool again =
      outcome->more && member_is(L, "nextCursor", cdfw_buffer_text(cursor), cursor->length);
  cdfw_buffer_clear(cursor);
  if (again) return complain(L, "it holds the cursor of the page before");
  if (!outcome->more) return true;
  lua_getfield(L, -1, "nextCursor");
  const char *text = lua_tolstring(L, -1, &length);
  bool kept = cdfw_buffer_add(cursor, text, length);
  lua_pop(L, 1);
  return kept ? true : complain(L, "its cursor cannot be kept");
}

/* A page of the list of executions: is the run among them? Leaves it on the top. */
static bool read_look_page(lua_State *L, cdfw_call *call, cdfw_outcome *outcome) {
  lua_getfield(L, -1, "items");
  if (!lua_istable(L, -1)) return complain(L, "it holds no items");
  size_t count = cdfw_rawlen(L, -1);
  for (size_t i = 1; i <= count && !outcome->found; i++) {
    lua_rawgeti(L, -1, (int)i);
    outcome->found = has_request_id(L, &call->request_id);
    if (!outcome->found) lua_pop(L, 1);
  }
  if (outcome->found) {
    lua_insert(L, -3);
    lua_pop(L, 2);
    return read_execution(L, call);
  }
  lua_pop(L, 1);
  return keep_cursor(L, call, outcome);
}

/* The number member of the table on the top, or -1. [-0, +0] */
static double time_member(lua_State *L, const char *member) {
  lua_getfield(L, -1, member);
  double time = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  lua_pop(L, 1);
  return time;
}

/* A retry leaves no mark: that it took effect is seen by what it changes. Of an execution that was
   running already, the end says nothing. */
static bool runs_again(const cdfw_state *before, const cdfw_state *now) {
  if (now->start_time != before->start_time) return true;
  return !before->is_running && (now->is_running || now->end_time != before->end_time);
}

static bool read_look(lua_State *L, cdfw_call *call, cdfw_outcome *outcome) {
  if (!lua_istable(L, -1)) return complain(L, "it is not an object");
  if (call->op.plan.look == CDFW_LOOK_MARK) return read_look_page(L, call, outcome);
  if (!read_execution(L, call)) return false;
  cdfw_state now = {.is_running = member_is(L, "status", "RUNNING", strlen("RUNNING")),
                    .start_time = time_member(L, "startTime"),
                    .end_time = time_member(L, "endTime")};
  if (call->op.is.look.aim == CDFW_AIM_BEFORE)
    call->before = now;
  else
    outcome->found = runs_again(&call->before, &now);
  return true;
}

/* [-0, +0] true, or [-1, +1] false */
static bool read_item(lua_State *L) {
  if (!lua_istable(L, -1)) return complain(L, "it is not an object");
  lua_getfield(L, -1, "items");
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -2);
  }
  bool there = lua_istable(L, -1);
  lua_pop(L, 1);
  return there ? true : complain(L, "it holds no item");
}

static bool read_call(lua_State *L, const cdfw_call *call) {
  if (call->result == CDFW_RESULT_EXECUTION) return read_execution(L, call);
  if (call->result == CDFW_RESULT_ITEM) return read_item(L);
  return lua_istable(L, -1) ? true : complain(L, "it is neither an object nor an array");
}

bool cdfw_answer_read(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_outcome *outcome, double now) {
  const cdfw_buffer *body = &response->body;
  bool is_call = call->op.is.phase == CDFW_PHASE_CALL;
  if (is_call ? call->result == CDFW_RESULT_NOTHING : call->op.is.phase == CDFW_PHASE_REVOKE) {
    lua_pushboolean(L, true);
    return true;
  }
  bool may_be_empty = call->result != CDFW_RESULT_EXECUTION && call->result != CDFW_RESULT_ITEM;
  if (is_call && may_be_empty && body->length == 0) {
    lua_newtable(L);
    return true;
  }
  if (body->length == 0) {
    lua_pushliteral(L, "it is empty");
    return false;
  }
  if (call->op.is.phase == CDFW_PHASE_SESSION && take_session(L, call, response)) return true;
  if (!cdfw_answer_read_unseen(L, response)) return false;
  switch (call->op.is.phase) {
    case CDFW_PHASE_TOKEN:
      return read_token(L, call, now);
    case CDFW_PHASE_SESSION:
      return read_session(L, call);
    case CDFW_PHASE_LOOK:
      return read_look(L, call, outcome);
    default:
      return read_call(L, call);
  }
}

/* }==== */
