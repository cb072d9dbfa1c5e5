/* SPDX-License-Identifier: Apache-2.0
 * Answers of CDF and of token endpoints; see answer.h. Texts of CDF are passed on, a body that is
 * not CDF's (a proxy's page) never is. */
#include "answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "json.h"
#include "object.h"
#include "text.h"

enum { SHOWN_PATH = 120 /* characters of a path that errors show */ };

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
  if (response->body.state == CDFW_BUFFER_FULL) response->failure = CDFW_FAILURE_TOO_LARGE;
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
      cdfw_answer_redact(L, call);
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

void cdfw_answer_outcome(const cdfw_response *response, double wall, cdfw_outcome *outcome) {
  const cdfw_buffer *headers = &response->headers;
  const char *marked = cdfw_message_find_header(headers, "cdf-is-auto-retryable");
  memset(outcome, 0, sizeof *outcome);
  outcome->failure = response->failure;
  outcome->sent = response->sent;
  outcome->status = response->status;
  outcome->auto_retryable = marked != NULL && strcasecmp(marked, "true") == 0;
  outcome->retry_after = cdfw_policy_retry_after(cdfw_message_find_header(headers, "retry-after"),
                                                 cdfw_message_find_header(headers, "date"), wall);
}

/* {==== Reading JSON ==== */

/* A light userdata points to what may be changed; the response may not be. */
struct reading {
  const cdfw_response *response;
};

/* The reading is at 1 as light userdata. [-0, +2] the value or what is wrong, and which of them */
static int read_body(lua_State *L) {
  const struct reading *reading = lua_touserdata(L, 1);
  const cdfw_buffer *body = &reading->response->body;
  bool read = cdfw_json_read(L, cdfw_buffer_text(body), body->length, CDFW_JSON_STRIP_NULLS);
  lua_pushboolean(L, read);
  return 2;
}

/* The answer's body as JSON: true [-0, +1] pushes the value, false [-0, +1] what is wrong. An
   answer may hold a token or a nonce, and a debug hook sees the arguments and the results of
   lua-cjson; so the host's hook rests meanwhile. */
static bool read_unseen(lua_State *L, const cdfw_response *response) {
  struct reading reading = {response};
  lua_Hook hook = lua_gethook(L);
  int mask = lua_gethookmask(L), count = lua_gethookcount(L);
  lua_pushcfunction(L, read_body);
  lua_pushlightuserdata(L, &reading);
  if (hook != NULL) lua_sethook(L, NULL, 0, 0);
  int status = lua_pcall(L, 1, 2, 0);
  /* A hook that is there now was set by a signal handler just now: an interrupt, which is to stay.
   */
  if (hook != NULL && lua_gethook(L) == NULL) lua_sethook(L, hook, mask, count);
  if (status != 0) lua_error(L);
  bool read = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return read;
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
  cdfw_buffer_clear(&call->nonce);
  if (!cdfw_buffer_add(&call->nonce, nonce, length)) luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  lua_getfield(L, -1, "id");
  call->session_id = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  /* Never another one's: a number that is no id, or is not exact, is none. */
  call->op.has_session_id = call->session_id >= 1 && call->session_id < 9007199254740992.0 &&
                            call->session_id == floor(call->session_id);
  lua_pop(L, 1);
  if (!call->op.session_only) {
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
  if (!call->op.is_marked) return false;
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

static bool read_look(lua_State *L, cdfw_call *call, cdfw_outcome *outcome) {
  if (!lua_istable(L, -1)) return complain(L, "it is not an object");
  if (call->look_filter.length > 0) return read_look_page(L, call, outcome);
  /* A retry has no mark of its own: it took effect when the execution runs again, or when the nonce
     turned out to be spent. */
  if (!read_execution(L, call)) return false;
  outcome->found = call->op.refused || member_is(L, "status", "RUNNING", strlen("RUNNING"));
  return true;
}

static bool read_call(lua_State *L, const cdfw_call *call) {
  if (call->result == CDFW_RESULT_EXECUTION) return read_execution(L, call);
  return lua_istable(L, -1) ? true : complain(L, "it is neither an object nor an array");
}

bool cdfw_answer_read(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_outcome *outcome, double now) {
  const cdfw_buffer *body = &response->body;
  bool is_call = call->op.phase == CDFW_PHASE_CALL;
  if (is_call ? call->result == CDFW_RESULT_NOTHING : call->op.phase == CDFW_PHASE_REVOKE) {
    lua_pushboolean(L, true);
    return true;
  }
  if (is_call && call->result != CDFW_RESULT_EXECUTION && body->length == 0) {
    lua_newtable(L);
    return true;
  }
  if (body->length == 0) {
    lua_pushliteral(L, "it is empty");
    return false;
  }
  if (!read_unseen(L, response)) return false;
  switch (call->op.phase) {
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

/* {==== Redaction ==== */

/* Also as it stands in a form or in JSON: a server may repeat the request in its error. [-0, +0] */
static void redact_encoded(lua_State *L, const cdfw_buffer *secret) {
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_BODY, true);
  lua_insert(L, -2);
  bool encoded = cdfw_text_add_form(out, cdfw_buffer_text(secret), secret->length);
  if (encoded) cdfw_error_redact(L, out->data);
  cdfw_buffer_clear(out);
  encoded = encoded && cdfw_text_add_json_string(out, cdfw_buffer_text(secret), secret->length);
  if (!encoded) luaL_error(L, "not enough memory");
  out->data[out->length - 1] = '\0'; /* without its quotes */
  cdfw_error_redact(L, out->data + 1);
  cdfw_buffer_free(out);
  lua_remove(L, -2);
}

void cdfw_answer_redact(lua_State *L, const cdfw_call *call) {
  const cdfw_credentials *credentials = call->client->credentials;
  const cdfw_buffer *secrets[] = {&call->client->auth.token, &call->token,
                                  &credentials->token,       &credentials->client_secret,
                                  &call->session_secret,     &call->nonce};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    if (secrets[i]->length == 0) continue;
    cdfw_error_redact(L, cdfw_buffer_text(secrets[i]));
    redact_encoded(L, secrets[i]);
  }
  const char *line = NULL;
  while ((line = cdfw_message_next_header(&call->secrets, line)) != NULL)
    cdfw_error_redact(L, line);
}

/* }==== */

/* {==== Errors ==== */

/* "POST /workflows/foo/versions/1/run", "POST /sessions" or "the token request". [-0, +1] */
static const char *push_what(lua_State *L, const cdfw_call *call) {
  size_t length;
  const char *path = cdfw_call_shown(call, &length);
  if (call->op.phase == CDFW_PHASE_TOKEN && !call->op.lost)
    return lua_pushfstring(L, "the token request");
  if (call->op.phase == CDFW_PHASE_SESSION && !call->op.lost)
    return lua_pushfstring(L, "POST /sessions");
  lua_pushfstring(L, "%s ", call->method);
  lua_pushlstring(L, path, length < SHOWN_PATH ? length : SHOWN_PATH);
  lua_pushstring(L, length < SHOWN_PATH ? "" : "...");
  lua_concat(L, 3);
  return lua_tostring(L, -1);
}

static const char *failure_kind(cdfw_failure failure) {
  switch (failure) {
    case CDFW_FAILURE_TLS:
      return "tls";
    case CDFW_FAILURE_TIMEOUT:
      return "timeout";
    case CDFW_FAILURE_TOO_LARGE:
    case CDFW_FAILURE_PROTOCOL:
      return "protocol";
    case CDFW_FAILURE_CANCELLED:
      return "cancelled";
    default:
      return "transport";
  }
}

static const char *failure_words(const cdfw_response *response) {
  static const char *const words[] = {"no failure",
                                      "a name was not found",
                                      "no connection",
                                      "no secure connection",
                                      "the proxy refused",
                                      "no answer in time",
                                      "the connection broke while sending",
                                      "the connection broke before the answer was complete",
                                      "the answer is larger than max_response_size",
                                      "the answer is not proper HTTP",
                                      "given up by the caller",
                                      "this machine could not send it"};
  return words[response->failure];
}

/* Only where nobody that is trusted vouches for a certificate does another authority help. */
static const char *failure_hint(const cdfw_response *response) {
  static const char *const signs[] = {"issuer", "self-signed", "self signed",
                                      "verification failed"};
  if (response->failure != CDFW_FAILURE_TLS) return "";
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (strstr(response->detail, signs[i]) != NULL)
      return "; if the certificate comes from a private authority, name its file in ca_file";
  return "";
}

/* What a success that is of no use still means. */
static const char *effect_words(const cdfw_call *call, int status) {
  bool effect = status >= 200 && status < 300 && call->op.phase == CDFW_PHASE_CALL &&
                call->op.repeat != CDFW_REPEAT_SAFE;
  return effect ? "; CDF has carried it out" : "";
}

/* [-0, +1] */
static void push_failure_error(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  const char *what = push_what(L, call);
  bool detailed = response->detail[0] != '\0';
  cdfw_error_push(L, failure_kind(response->failure), "%s: %s%s%s%s%s%s", what,
                  failure_words(response), detailed ? " (" : "", response->detail,
                  detailed ? ")" : "", failure_hint(response),
                  effect_words(call, response->status));
}

static const char *answer_kind(const cdfw_call *call, int status) {
  if (status == 429) return "throttled";
  if (status == 401 || call->op.phase == CDFW_PHASE_TOKEN) return "auth";
  return status < 400 ? "protocol" : "api";
}

static const char *answer_hint(const cdfw_call *call, int status) {
  if (call->op.phase == CDFW_PHASE_TOKEN)
    return status < 500 ? "; check client_id, client_secret, token_url and scopes" : "";
  if (status >= 300 && status < 400) return "; redirects are never followed, check base_url";
  if (status == 401) return "; check the credentials, and that they give access to the project";
  if (status == 403 && call->op.phase == CDFW_PHASE_SESSION)
    return "; the credentials need the capability sessionsAcl CREATE";
  return "";
}

/* The object `error` of CDF's envelope, or the text that stands in its place, becomes members of
   the table at `details`, and its message is pushed (nil if none). The body's value is on the top.
   [-0, +1] */
static void read_envelope(lua_State *L, int details) {
  static const char *const members[] = {"code", "missing", "duplicated", "extra"};
  lua_getfield(L, -1, "error");
  if (lua_type(L, -1) == LUA_TSTRING) return;
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    lua_getfield(L, -1, members[i]);
    lua_setfield(L, details, members[i]);
  }
  lua_getfield(L, -1, "message");
  lua_remove(L, -2);
}

/* RFC 6749 5.2: { error = "invalid_client", error_description = … }. [-0, +1] */
static void read_oauth_refusal(lua_State *L, int details) {
  lua_getfield(L, -1, "error");
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, details, "code");
  lua_getfield(L, -2, "error_description");
  if (lua_type(L, -1) == LUA_TSTRING)
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
  else
    lua_pushvalue(L, -2);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Copies all members of the table at `from` into the one on the top. [-0, +0] */
static void copy_members(lua_State *L, int from) {
  lua_pushnil(L);
  while (lua_next(L, from) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* [-0, +1] */
static void push_status_error(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  const cdfw_buffer *body = &response->body;
  int status = response->status;
  int details = lua_gettop(L) + 1;
  lua_newtable(L);
  /* What a storage host says of an upload may repeat its URL, which is a permission. */
  bool ours = call->op.auth != NULL;
  bool read = ours && body->length > 0 && read_unseen(L, response) && lua_istable(L, -1);
  if (read) cdfw_answer_redact(L, call);
  if (!read)
    lua_pushnil(L);
  else if (call->op.phase == CDFW_PHASE_TOKEN)
    read_oauth_refusal(L, details);
  else
    read_envelope(L, details);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no error text of CDF";
  cdfw_error_push(L, answer_kind(call, status), "%s was answered with %d: %s%s", push_what(L, call),
                  status, text, answer_hint(call, status));
  copy_members(L, details);
}

/* What is wrong with the success is on the top. [-0, +1] */
static void push_unreadable_error(lua_State *L, const cdfw_call *call, int status) {
  const char *problem = lua_tostring(L, -1);
  const char *what = push_what(L, call);
  cdfw_error_push(L, "protocol", "%s was answered with %d, but the answer cannot be used: %s%s",
                  what, status, problem != NULL ? problem : "no reason",
                  effect_words(call, status));
}

/* [-0, +1] */
static void push_ambiguous_error(lua_State *L, const cdfw_call *call,
                                 const cdfw_response *response) {
  const char *what = push_what(L, call);
  const char *why = "looking for it did not settle the matter";
  if (!call->op.lost && response->failure != CDFW_FAILURE_NONE)
    why = failure_words(response);
  else if (!call->op.lost)
    why = lua_pushfstring(L, "a gateway answered with %d in CDF's place", response->status);
  cdfw_error_push(L, "ambiguous",
                  "%s: the answer was lost (%s), so it may have been carried out; look before "
                  "repeating it%s",
                  what, why,
                  call->op.repeat == CDFW_REPEAT_RUN && !call->op.can_look
                      ? ", or give a request_id next time"
                      : "");
}

/* Into the error on the top. [-0, +0] */
static void set_request_id(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  const char *id = cdfw_message_find_header(&response->headers, "x-request-id");
  if (id == NULL) return;
  lua_pushstring(L, id);
  cdfw_answer_redact(L, call);
  lua_insert(L, -2);
  cdfw_error_set(L, "requestId", lua_tostring(L, -2));
  lua_remove(L, -2);
}

void cdfw_answer_push_error(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, "error");
  if (call->op.ending == CDFW_ENDING_AMBIGUOUS)
    push_ambiguous_error(L, call, response);
  else if (response->failure != CDFW_FAILURE_NONE)
    push_failure_error(L, call, response);
  else if (call->op.last.unreadable)
    push_unreadable_error(L, call, response->status);
  else
    push_status_error(L, call, response);
  lua_insert(L, top + 1);
  lua_settop(L, top + 1);
  if (response == NULL) return;
  if (response->status != 0) {
    lua_pushinteger(L, response->status);
    lua_setfield(L, -2, "status");
  }
  set_request_id(L, call, response);
}

void cdfw_answer_push_deadline_error(lua_State *L, const cdfw_call *call) {
  const char *what = push_what(L, call);
  lua_pushnumber(L, call->op.timeout);
  cdfw_error_push(L, "timeout", "%s: not done within the timeout of %s s", what,
                  lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void cdfw_answer_finish_error(lua_State *L, const cdfw_call *call, double now) {
  bool passing = call->op.ending == CDFW_ENDING_DEADLINE || cdfw_policy_is_passing(&call->op.last);
  if (call->op.ending != CDFW_ENDING_JOINED) { /* that one has been judged already */
    lua_pushboolean(L, passing && call->op.ending != CDFW_ENDING_AMBIGUOUS);
    lua_setfield(L, -2, "retryable");
  }
  lua_pushinteger(L, (lua_Integer)call->op.attempts);
  lua_setfield(L, -2, "attempts");
  lua_pushnumber(L, now - call->op.started);
  lua_setfield(L, -2, "elapsed");
  cdfw_answer_redact(L, call);
}

/* }==== */
