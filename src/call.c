/* SPDX-License-Identifier: Apache-2.0
 * A call from its birth to its end; see call.h. */
#include "call.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "object.h"
#include "process.h"

const char cdfw_call_class[] = "cdfworkflow.call";

/* Where the buffers of a call lie in it, how large each may become, and whether it is wiped. */
static const struct {
  size_t at, most;
  bool secret;
} buffers[] = {
    {offsetof(cdfw_call, url), CDFW_MAX_URL, true}, /* an upload's is a permission */
    {offsetof(cdfw_call, headers), CDFW_MAX_HEADERS, true},
    {offsetof(cdfw_call, body), CDFW_MAX_BODY, true},
    {offsetof(cdfw_call, execution), CDFW_MAX_URL, false},
    {offsetof(cdfw_call, workflow), CDFW_MAX_URL, false},
    {offsetof(cdfw_call, version), CDFW_MAX_URL, false},
    {offsetof(cdfw_call, token), CDFW_MAX_TOKEN, true},
    {offsetof(cdfw_call, session_body), CDFW_MAX_BODY, true},
    {offsetof(cdfw_call, session_secret), CDFW_MAX_BODY, true},
    {offsetof(cdfw_call, nonce), CDFW_MAX_HEADERS, true},
    {offsetof(cdfw_call, secrets), CDFW_MAX_BODY, true},
    {offsetof(cdfw_call, request_id), CDFW_MAX_HEADERS, false},
    {offsetof(cdfw_call, look_url), CDFW_MAX_URL, false},
    {offsetof(cdfw_call, look_filter), CDFW_MAX_HEADERS, false},
    {offsetof(cdfw_call, look_cursor), CDFW_MAX_HEADERS, false},
};
enum { BUFFER_COUNT = sizeof buffers / sizeof buffers[0] };

static cdfw_buffer *buffer_of(cdfw_call *call, size_t i) {
  return (void *)((char *)call + buffers[i].at);
}

cdfw_call *cdfw_call_check(lua_State *L) {
  return cdfw_checkudata(L, 1, cdfw_call_class);
}

cdfw_call *cdfw_call_push(lua_State *L, int client_index) {
  cdfw_client *client = cdfw_client_check(L, client_index);
  cdfw_call *call = cdfw_newuserdata(L, sizeof *call);
  memset(call, 0, sizeof *call);
  for (size_t i = 0; i < BUFFER_COUNT; i++)
    cdfw_buffer_init(buffer_of(call, i), buffers[i].most, buffers[i].secret);
  cdfw_getclass(L, cdfw_call_class);
  lua_setmetatable(L, -2);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, client_index);
  lua_rawseti(L, -2, CDFW_CALL_CLIENT);
  cdfw_setuservalue(L, -2);
  call->client = client;
  call->clocks.cdf = -1;
  call->method = "POST";
  call->content_type = "application/json";
  call->op.plan.auth = &client->auth;
  call->op.plan.budget = &client->budget;
  call->op.plan.random_state = &client->random_state;
  call->op.plan.timeout = client->timeout;
  call->op.plan.max_retries = client->max_retries;
  call->op.plan.reached = &client->reached;
  call->op.plan.is_patient = client->is_patient;
  call->op.plan.token_by_function = client->credentials->kind == CDFW_CREDENTIALS_FUNCTION;
  call->op.plan.token_is_fixed = client->credentials->kind == CDFW_CREDENTIALS_TOKEN;
  return call;
}

bool cdfw_call_is_under_way(const cdfw_call *call) {
  return !call->op.is.over && call->first_use != 0 && call->owner == cdfw_process_id();
}

/* A run that was under way and that nobody will hear of again: the one thing that must not happen
   without a word, in a collector that can call nobody. */
static void report_abandoned(cdfw_call *call) {
  bool named = call->request_id.length > 0;
  if (!cdfw_call_is_under_way(call) || call->op.plan.repeat != CDFW_REPEAT_RUN) return;
  /* One line, whatever the caller's id holds. */
  for (size_t i = 0; i < call->request_id.length; i++)
    if ((unsigned char)call->request_id.data[i] < ' ') call->request_id.data[i] = ' ';
  fprintf(stderr, "cdfworkflow: %s %s was abandoned before its answer came%s%s\n", call->method,
          cdfw_buffer_text(&call->url) + call->path_offset, named ? ", request id " : "",
          cdfw_buffer_text(&call->request_id));
}

void cdfw_call_end(cdfw_call *call) {
  call->op.is.over = true;
  call->path_offset = 0;
  for (size_t i = 0; i < BUFFER_COUNT; i++)
    cdfw_buffer_free(buffer_of(call, i));
}

int cdfw_call_gc(lua_State *L) {
  cdfw_call *call = cdfw_call_check(L);
  report_abandoned(call);
  cdfw_op_leave(&call->op);
  cdfw_call_end(call); /* a finalizer of the host's may still have it in its hands */
  return 0;
}

const char *cdfw_call_shown(const cdfw_call *call, size_t *length) {
  const char *path = cdfw_buffer_text(&call->url) + call->path_offset;
  *length = cdfw_message_shown(path, call->op.plan.auth == NULL);
  return path;
}

int cdfw_call_tostring(lua_State *L) {
  cdfw_call *call = cdfw_call_check(L);
  size_t length;
  const char *path = cdfw_call_shown(call, &length);
  lua_pushfstring(L, "cdfworkflow.call: %s ", call->method);
  lua_pushlstring(L, path, length);
  lua_concat(L, 2);
  return 1;
}

bool cdfw_call_add_project_url(const cdfw_client *client, cdfw_buffer *url) {
  return cdfw_buffer_add(url, cdfw_buffer_text(&client->base_url), client->base_url.length) &&
         cdfw_buffer_adds(url, "/api/v1/projects/") &&
         cdfw_buffer_add(url, cdfw_buffer_text(&client->project), client->project.length);
}

void cdfw_call_begin_url(lua_State *L, cdfw_call *call) {
  cdfw_need(L, cdfw_call_add_project_url(call->client, &call->url));
  call->path_offset = call->url.length;
}

void cdfw_call_redact(lua_State *L, const cdfw_call *call) {
  const cdfw_credentials *credentials = call->client->credentials;
  const cdfw_buffer *secrets[] = {&call->client->auth.token, &call->token,
                                  &credentials->token,       &credentials->client_secret,
                                  &call->session_secret,     &call->nonce};
  cdfw_buffer *all = cdfw_scratch_push(L, CDFW_MAX_BODY, true);
  lua_insert(L, -2);
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
    if (secrets[i]->length > 0)
      cdfw_buffer_add(all, cdfw_buffer_text(secrets[i]), secrets[i]->length + 1);
  if (!cdfw_buffer_add(all, cdfw_buffer_text(&call->secrets), call->secrets.length))
    luaL_error(L, "not enough memory");
  cdfw_error_redact(L, all);
  cdfw_buffer_free(all);
  lua_remove(L, -2);
}
