/* SPDX-License-Identifier: Apache-2.0
 * core.run: input, metadata, and what a run is looked for by; see run.h. */
#include "run.h"

#include <string.h>

#include "arguments.h"
#include "error.h"
#include "json.h"
#include "object.h"
#include "text.h"

/* Limits of a run (CDF.md 4). The reference says 100 KB; above 102,400 bytes it is surely refused.
 */
enum { INPUT_MAX = 102400 /* bytes of JSON */ };
static const cdfw_pairs_limits metadata_limits = {10, 32, 255};

/* The first sign of JSON text; the caller's own may begin with blanks. */
static char first_of(const char *json) {
  return json[strspn(json, " \t\r\n")];
}

/* Adds the JSON of the object on the top, at `index`, to the call's body as member `name`; `limit`
   in bytes. 0, or nil, err pushed. */
static int add_object_member(lua_State *L, cdfw_call *call, int index, const char *name,
                             size_t limit) {
  if (!lua_istable(L, index) && !cdfw_json_test_raw(L, index))
    return luaL_error(L, "%s must be a table, not %s", name, luaL_typename(L, index));
  cdfw_buffer *body = &call->body;
  if (body->length > 1) cdfw_buffer_addc(body, ',');
  cdfw_text_add_json_string(body, name, strlen(name));
  cdfw_need(L, cdfw_buffer_addc(body, ':'));
  size_t before = body->length, most = body->ceiling;
  if (limit < most - before) body->ceiling = before + limit;
  bool written = cdfw_json_write(L, index, name, body);
  body->ceiling = most;
  if (!written) return cdfw_option_json_error(L);
  char first = first_of(cdfw_buffer_text(body) + before);
  if (first != '{')
    return cdfw_error_problem(
        L, name, first == '[' ? "must be a JSON object, not an array" : "must be a JSON object");
  lua_pop(L, 1);
  return 0;
}

/* Replaces the metadata on the top by a copy that bears the request id as well. [-1, +1] */
static void mark_metadata(lua_State *L, const cdfw_call *call) {
  int given = lua_gettop(L);
  lua_newtable(L);
  if (lua_istable(L, given)) {
    lua_pushnil(L);
    while (lua_next(L, given) != 0) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_pushlstring(L, cdfw_buffer_text(&call->request_id), call->request_id.length);
  lua_setfield(L, -2, CDFW_REQUEST_ID_KEY);
  lua_replace(L, given);
}

static int add_metadata(lua_State *L, int options, cdfw_call *call) {
  bool marked = call->request_id.length > 0;
  int results = 0;
  int type = cdfw_option_get(L, options, "metadata");
  if (type == LUA_TNIL && !marked) return 0;
  if (type != LUA_TNIL)
    results = cdfw_pairs_check(L, lua_gettop(L), "metadata", &metadata_limits, marked ? 1 : 0);
  if (results != 0) return results;
  if (marked) mark_metadata(L, call);
  return add_object_member(L, call, lua_gettop(L), "metadata", CDFW_MAX_BODY);
}

/* look_back: seconds. CDF keeps executions for three months (CDF.md 5). */
static int read_look_back(lua_State *L, int options, cdfw_call *call) {
  static const double longest = 92 * 86400;
  int type = cdfw_option_get(L, options, "look_back");
  double seconds = lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (type == LUA_TNIL) return 0;
  if (type != LUA_TNUMBER || !(seconds >= 0 && seconds <= longest))
    return luaL_error(L, "look_back must be a number of seconds from 0 to 7948800");
  if (call->op.plan.look != CDFW_LOOK_MARK)
    return luaL_error(L, "look_back needs a request_id to look for");
  call->op.plan.look_back = seconds;
  return 0;
}

/* [{"externalId": …, "version": …}], for looking among the executions of what is being run. */
static void add_look(lua_State *L, cdfw_call *call, int workflow, int version) {
  size_t workflow_length, version_length;
  const char *workflow_text = lua_tolstring(L, workflow, &workflow_length);
  const char *version_text = lua_tolstring(L, version, &version_length);
  cdfw_buffer *filter = &call->look_filter;
  cdfw_buffer_add(&call->look_url, cdfw_buffer_text(&call->url), call->path_offset);
  cdfw_buffer_adds(filter, "[{\"externalId\":");
  cdfw_text_add_json_string(filter, workflow_text, workflow_length);
  cdfw_buffer_adds(filter, ",\"version\":");
  cdfw_text_add_json_string(filter, version_text, version_length);
  cdfw_need(L, cdfw_buffer_adds(&call->look_url, "/workflows/executions/list") &&
                   cdfw_buffer_adds(filter, "}]"));
}

static int add_run_body(lua_State *L, int options, cdfw_call *call) {
  int results = 0;
  cdfw_need(L, cdfw_buffer_addc(&call->body, '{'));
  call->has_body = true;
  if (cdfw_option_get(L, options, "input") != LUA_TNIL)
    results = add_object_member(L, call, lua_gettop(L), "input", INPUT_MAX);
  if (results == 0) results = add_metadata(L, options, call);
  if (results == 0) cdfw_need(L, cdfw_buffer_addc(&call->body, '}'));
  return results;
}

int cdfw_run_run(lua_State *L) {
  enum { CLIENT = 1, WORKFLOW, VERSION, OPTIONS, CALL };
  size_t length;
  lua_settop(L, OPTIONS);
  cdfw_call *call = cdfw_call_push(L, CLIENT);
  call->result = CDFW_RESULT_EXECUTION;
  call->op.plan.repeat = CDFW_REPEAT_RUN;
  cdfw_call_begin_url(L, call);
  cdfw_need(L, cdfw_buffer_adds(&call->url, "/workflows/"));
  int results = cdfw_identifier_add(L, &call->url, WORKFLOW, "workflow_external_id");
  cdfw_need(L, cdfw_buffer_adds(&call->url, "/versions/"));
  if (results == 0) results = cdfw_identifier_add(L, &call->url, VERSION, "version");
  cdfw_need(L, cdfw_buffer_adds(&call->url, "/run"));
  if (results == 0) results = cdfw_option_request_id(L, OPTIONS, call, CDFW_LOOK_MARK);
  if (results == 0) results = read_look_back(L, OPTIONS, call);
  if (results == 0) results = add_run_body(L, OPTIONS, call);
  if (results == 0) results = cdfw_option_nonce(L, OPTIONS, call);
  if (results != 0) return results;
  call->nonce_in_authentication = true;
  call->nonce_offset = strlen("{");
  cdfw_identifier_normalise(L, WORKFLOW);
  cdfw_identifier_normalise(L, VERSION);
  const char *workflow = lua_tolstring(L, WORKFLOW, &length);
  cdfw_need(L, cdfw_buffer_add(&call->workflow, workflow, length));
  const char *version = lua_tolstring(L, VERSION, &length);
  cdfw_need(L, cdfw_buffer_add(&call->version, version, length));
  if (call->op.plan.look == CDFW_LOOK_MARK) add_look(L, call, WORKFLOW, VERSION);
  cdfw_option_timeout(L, OPTIONS, call);
  lua_settop(L, CALL);
  return 1;
}
