/* SPDX-License-Identifier: Apache-2.0
 * What went wrong with a call, in words; see call_error.h. Texts of CDF are passed on, a body that
 * is not CDF's (a proxy's page) never is. */
#include "call_error.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "error.h"
#include "object.h"

enum { SHOWN_PATH = 120 /* characters of a path that errors show */ };

/* [-0, +1] */
static const char *push_token_request(lua_State *L, const cdfw_call *call) {
  const char *url = cdfw_buffer_text(&call->client->credentials->token_url);
  lua_pushliteral(L, "the token request to ");
  lua_pushlstring(L, url, cdfw_message_shown(url, false));
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

/* "POST /workflows/foo/versions/1/run", "POST /sessions" or "the token request to https://…".
   [-0, +1] */
static const char *push_what(lua_State *L, const cdfw_call *call) {
  size_t length;
  const char *path = cdfw_call_shown(call, &length);
  if (call->op.is.phase == CDFW_PHASE_TOKEN && !call->op.is.in_doubt)
    return push_token_request(L, call);
  if (call->op.is.phase == CDFW_PHASE_SESSION && !call->op.is.in_doubt)
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

static const char *failure_words(cdfw_failure failure) {
  static const char *const words[] = {
      [CDFW_FAILURE_NONE] = "no failure",
      [CDFW_FAILURE_RESOLVE] = "a name was not found",
      [CDFW_FAILURE_CONNECT] = "no connection",
      [CDFW_FAILURE_TLS] = "no secure connection",
      [CDFW_FAILURE_PROXY] = "the proxy refused",
      [CDFW_FAILURE_TIMEOUT] = "no answer in time",
      [CDFW_FAILURE_SEND] = "the connection broke while sending",
      [CDFW_FAILURE_RECEIVE] = "the connection broke before the answer was complete",
      [CDFW_FAILURE_TOO_LARGE] = "the answer is larger than max_response_size",
      [CDFW_FAILURE_PROTOCOL] = "the answer is not proper HTTP",
      [CDFW_FAILURE_CANCELLED] = "given up by the caller",
      [CDFW_FAILURE_LOCAL] = "this machine could not send it"};
  return words[failure];
}

/* Given up before its time, since nobody has ever answered there. */
static bool is_lost_on_stranger(const cdfw_call *call) {
  return call->op.is.is_stranger && call->op.is.ending == CDFW_ENDING_OUTCOME;
}

static bool says_any_of(const char *words, const char *const *signs) {
  for (; *signs != NULL; signs++)
    if (strstr(words, *signs) != NULL) return true;
  return false;
}

/* Which option says where the request goes. */
static const char *place_option(const cdfw_call *call) {
  return call->op.is.phase == CDFW_PHASE_TOKEN ? "token_url" : "base_url";
}

/* Only where nobody that is trusted vouches for a certificate does another authority help. [-0, +1]
 */
static const char *push_tls_hint(lua_State *L, const cdfw_call *call, const char *words) {
  static const char *const no_issuer[] = {"issuer", "self-signed", "self signed",
                                          "verification failed", NULL};
  static const char *const other_name[] = {"does not match", "no alternative certificate", NULL};
  static const char *const no_tls[] = {"speaks no TLS", "TLS handshake", NULL};
  static const char *const no_file[] = {"no use of its certificates", NULL};
  static const char *const too_late[] = {"has expired", NULL};
  static const char *const too_early[] = {"not yet valid", "not yet activated", NULL};
  if (says_any_of(words, no_file))
    return lua_pushfstring(L,
                           "; ca_file must be a file of certificates in PEM form that can be read");
  if (says_any_of(words, other_name))
    return lua_pushfstring(L, "; the certificate is for another name: check the host in %s",
                           place_option(call));
  if (says_any_of(words, no_tls))
    return lua_pushfstring(L, "; check that %s names a port with TLS", place_option(call));
  if (says_any_of(words, too_early)) return lua_pushfstring(L, "; check this machine's clock");
  if (!says_any_of(words, too_late) && says_any_of(words, no_issuer))
    return lua_pushfstring(
        L, "; if the certificate comes from a private authority, name its file in ca_file");
  return lua_pushfstring(L, "");
}

/* [-0, +1] */
static const char *push_failure_hint(lua_State *L, const cdfw_call *call,
                                     const cdfw_response *response) {
  if (response->proxy[0] != '\0' && !response->beyond_proxy)
    return lua_pushfstring(L, "; check %s%s", response->proxy_by, response->proxy_fix);
  const char *tls = push_tls_hint(L, call, response->detail);
  if (*tls != '\0' && !response->connected) return tls;
  if (is_lost_on_stranger(call))
    return lua_pushfstring(
        L, "; this client has never reached it, so check %s%s", place_option(call),
        response->other_proxy ? " (https takes https_proxy, not http_proxy)" : "");
  return lua_pushfstring(L, "");
}

/* What happened, with the proxy that it happened at or behind. [-0, +1] */
static const char *push_failure_words(lua_State *L, const cdfw_response *response) {
  const char *words = failure_words(response->failure);
  if (response->proxy[0] == '\0') return lua_pushfstring(L, "%s", words);
  lua_pushfstring(L, "the proxy %s (%s)", response->proxy, response->proxy_by);
  const char *proxy = lua_tostring(L, -1);
  if (response->failure == CDFW_FAILURE_PROXY)
    lua_pushfstring(L, "%s refused", proxy);
  else if (response->failure == CDFW_FAILURE_RESOLVE)
    lua_pushfstring(L, "the name of %s was not found", proxy);
  else if (!response->beyond_proxy)
    lua_pushfstring(L, "%s to %s", words, proxy);
  else
    lua_pushfstring(L, "%s, by way of %s", words, proxy);
  lua_remove(L, -2);
  return lua_tostring(L, -1);
}

/* [-0, +1] */
static void push_failure_error(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  bool detailed = response->detail[0] != '\0';
  const char *what = push_what(L, call), *words = push_failure_words(L, response);
  cdfw_error_push(L, failure_kind(response->failure), "%s: %s%s%s%s%s", what, words,
                  detailed ? " (" : "", response->detail, detailed ? ")" : "",
                  push_failure_hint(L, call, response));
}

static const char *answer_kind(const cdfw_call *call, int status) {
  if (status == 429) return "throttled";
  if (status == 401 || call->op.is.phase == CDFW_PHASE_TOKEN) return "auth";
  return status < 400 ? "protocol" : "api";
}

/* CDF.md section 3. */
static bool is_exchange(const cdfw_call *call) {
  return strstr(cdfw_buffer_text(&call->session_body), "\"tokenExchange\"") != NULL;
}

static const char *token_hint(const cdfw_call *call, int status) {
  bool secret = cdfw_credentials_has_pair(call->client->credentials);
  if (status >= 500) return "";
  if (status < 400) return "; redirects are never followed, check token_url";
  if (status == 404 || status == 405) return "; nobody gives tokens there, check token_url";
  return secret ? "; check client_id, client_secret, token_url and scopes"
                : "; check client_id, token_url and scopes, and that the provider knows the "
                  "certificate or the issuer of the assertion";
}

/* The project as the user knows it: without the percent-encoding of its place in a URL. [-0, +1] */
static const char *push_project(lua_State *L, const cdfw_client *client) {
  luaL_Buffer plain;
  luaL_buffinit(L, &plain);
  for (const char *c = cdfw_buffer_text(&client->project); *c != '\0'; c++) {
    const char digits[] = {*c == '%' ? c[1] : '0', *c == '%' ? c[2] : '0', '\0'};
    long code = strtol(digits, NULL, 16);
    bool shown = code >= ' ' && code != 127;
    luaL_addchar(&plain, shown ? (char)code : *c);
    if (shown) c += 2;
  }
  luaL_pushresult(&plain);
  return lua_tostring(L, -1);
}

/* [-0, +1] */
static const char *push_denial_hint(lua_State *L, const cdfw_call *call) {
  const cdfw_client *client = call->client;
  const char *project = push_project(L, client);
  if (client->credentials->kind != CDFW_CREDENTIALS_CLIENT)
    return lua_pushfstring(L,
                           "; check the token: it may have ended, be for another cluster than %s, "
                           "or give no access to the project %s",
                           cdfw_buffer_text(&client->base_url), project);
  return lua_pushfstring(L, "; check the credentials, and that they give access to the project %s",
                         project);
}

/* May leave something on the stack. */
static const char *answer_hint(lua_State *L, const cdfw_call *call, int status) {
  if (call->op.is.phase == CDFW_PHASE_TOKEN) return token_hint(call, status);
  if (status >= 300 && status < 400) return "; redirects are never followed, check base_url";
  if (status == 401) return push_denial_hint(L, call);
  bool can_be_cdf = call->op.is.last.own && call->op.is.phase != CDFW_PHASE_SESSION;
  if (!can_be_cdf && (status == 404 || status == 405)) return "; check base_url";
  if (status == 403 && call->op.is.last.own && call->op.is.phase == CDFW_PHASE_SESSION)
    return "; the credentials need the capability sessionsAcl CREATE";
  if (status == 400 && call->op.is.phase == CDFW_PHASE_SESSION && is_exchange(call))
    return "; a login without a client secret gets its sessions by token exchange: where the "
           "identity provider cannot do that, give client_credentials, or session = \"oneshot\"";
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

/* Of an answer without an error text of CDF. A body that is not CDF's is not repeated. */
static const char *nobody_words(const cdfw_call *call) {
  bool foreign = call->op.plan.auth != NULL && call->op.is.phase != CDFW_PHASE_TOKEN;
  return foreign ? ", but not by CDF: something in between said so" : ", without an error text";
}

/* [-0, +1] */
static void push_status_error(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  const cdfw_buffer *body = &response->body;
  int status = response->status;
  int details = lua_gettop(L) + 1;
  lua_newtable(L);
  /* What a storage host says of an upload may repeat its URL, which is a permission. */
  bool ours = call->op.plan.auth != NULL;
  bool read =
      ours && body->length > 0 && cdfw_answer_read_unseen(L, response) && lua_istable(L, -1);
  if (read) cdfw_call_redact(L, call);
  if (!read)
    lua_pushnil(L);
  else if (call->op.is.phase == CDFW_PHASE_TOKEN)
    read_oauth_refusal(L, details);
  else
    read_envelope(L, details);
  const char *text = lua_tostring(L, -1);
  cdfw_error_push(L, answer_kind(call, status), "%s was answered with %d%s%s%s", push_what(L, call),
                  status, text != NULL ? ": " : "", text != NULL ? text : nobody_words(call),
                  answer_hint(L, call, status));
  copy_members(L, details);
}

/* What is wrong with the success is on the top. [-0, +1] */
static void push_unreadable_error(lua_State *L, const cdfw_call *call, int status) {
  const char *problem = lua_tostring(L, -1);
  const char *what = push_what(L, call);
  bool is_page = problem != NULL && strncmp(problem, "not JSON", strlen("not JSON")) == 0;
  cdfw_error_push(L, "protocol", "%s was answered with %d, but the answer cannot be used: %s%s%s",
                  what, status, problem != NULL ? problem : "no reason", is_page ? "; check " : "",
                  is_page ? place_option(call) : "");
}

/* What put the call in doubt; `problem` is what is wrong with a success. May leave something on the
   stack. */
static const char *doubt_words(lua_State *L, const cdfw_outcome *doubted, const char *problem) {
  int status = doubted->status;
  if (doubted->failure != CDFW_FAILURE_NONE) return failure_words(doubted->failure);
  if (status >= 200 && status < 300)
    return lua_pushfstring(L, "the answer with %d cannot be used%s%s", status,
                           problem != NULL ? ": " : "", problem != NULL ? problem : "");
  if (status == 400) return "a repeat was refused with 400, as a spent nonce is";
  return lua_pushfstring(
      L, doubted->own ? "CDF answered with %d" : "answered with %d, but not by CDF", status);
}

/* Why it was not found out, or what to do. May leave something on the stack. */
static const char *doubt_advice(lua_State *L, const cdfw_call *call) {
  bool looked = call->op.is.phase == CDFW_PHASE_LOOK && call->op.is.last.status >= 400;
  if (looked && call->op.is.last.own)
    return lua_pushfstring(L,
                           "; looking for it was answered with %d, and needs the capability "
                           "workflowOrchestrationAcl READ",
                           call->op.is.last.status);
  if (call->op.plan.repeat == CDFW_REPEAT_SAFE) return "; repeating it does no harm";
  if (call->op.plan.look != CDFW_LOOK_NOT)
    return "; look before repeating it (looking for it did not settle the matter)";
  return call->op.plan.repeat == CDFW_REPEAT_RUN
             ? "; look before repeating it, or give a request_id next time"
             : "; look before repeating it";
}

/* [-0, +1] */
static void push_ambiguous_error(lua_State *L, const cdfw_call *call) {
  bool at_once = call->op.is.phase == CDFW_PHASE_CALL && call->op.is.last.unreadable;
  const char *problem = at_once ? lua_tostring(L, -1) : NULL;
  const char *what = push_what(L, call);
  const char *why = doubt_words(L, &call->op.is.doubted, problem);
  cdfw_error_push(L, "ambiguous", "%s: the answer was lost (%s), so it may have been carried out%s",
                  what, why, doubt_advice(L, call));
}

/* [-0, +1] */
static void push_undone_error(lua_State *L, const cdfw_call *call) {
  const char *what = push_what(L, call);
  const char *why = doubt_words(L, &call->op.is.doubted, NULL);
  cdfw_error_push(L, "transport",
                  "%s: the answer was lost (%s), and it has not been carried out; it can be tried "
                  "again",
                  what, why);
}

/* Into the error on the top. [-0, +0] */
static void set_request_id(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  const char *id = cdfw_message_find_header(&response->headers, "x-request-id");
  if (id == NULL) return;
  lua_pushstring(L, id);
  cdfw_call_redact(L, call);
  lua_insert(L, -2);
  cdfw_error_set(L, "requestId", lua_tostring(L, -2));
  lua_remove(L, -2);
}

void cdfw_call_error_push(lua_State *L, const cdfw_call *call, const cdfw_response *response) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 10, "error");
  if (call->op.is.ending == CDFW_ENDING_AMBIGUOUS)
    push_ambiguous_error(L, call);
  else if (call->op.is.ending == CDFW_ENDING_UNDONE)
    push_undone_error(L, call);
  else if (response->failure != CDFW_FAILURE_NONE)
    push_failure_error(L, call, response);
  else if (call->op.is.last.unreadable)
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

void cdfw_call_error_push_deadline(lua_State *L, const cdfw_call *call) {
  const char *what = push_what(L, call);
  lua_pushnumber(L, call->op.plan.timeout);
  cdfw_error_push(L, "timeout", "%s: not done within the timeout of %s s", what,
                  lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void cdfw_call_error_finish(lua_State *L, const cdfw_call *call, double now) {
  bool passing = call->op.is.ending == CDFW_ENDING_DEADLINE ||
                 call->op.is.ending == CDFW_ENDING_UNDONE ||
                 cdfw_policy_is_passing(&call->op.is.last);
  if (call->op.is.ending != CDFW_ENDING_JOINED) { /* that one has been judged already */
    bool open = call->op.is.ending == CDFW_ENDING_AMBIGUOUS;
    lua_pushboolean(L, open ? call->op.plan.repeat == CDFW_REPEAT_SAFE : passing);
    lua_setfield(L, -2, "retryable");
  }
  if (is_lost_on_stranger(call)) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "never_reached");
  }
  lua_pushinteger(L, (lua_Integer)call->op.is.attempts);
  lua_setfield(L, -2, "attempts");
  lua_pushnumber(L, now - call->op.is.started);
  lua_setfield(L, -2, "elapsed");
  cdfw_call_redact(L, call);
}
