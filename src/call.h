/* SPDX-License-Identifier: Apache-2.0
 * One call under way, as Lua holds it: the state machine (op.h) with what its requests are made of
 * and what its answers brought. Lies below all that work on calls. */
#ifndef CDFW_CALL_H
#define CDFW_CALL_H

#include "client.h"
#include "compat.h"
#include "message.h"
#include "op.h"

/* The member of a run's metadata that holds its request id (README «Promises»). */
#define CDFW_REQUEST_ID_KEY "cdfworkflow.requestId"

/* What a success of the call itself must look like. */
typedef enum cdfw_result {
  CDFW_RESULT_VALUE,     /* any JSON object or array; an empty body counts as {} */
  CDFW_RESULT_EXECUTION, /* an execution, the one or of the workflow that was asked for */
  CDFW_RESULT_ITEM,      /* an object whose `items` hold one at least */
  CDFW_RESULT_GONE,   /* as VALUE; missing after a lost answer means that the deletion was done */
  CDFW_RESULT_NOTHING /* not read */
} cdfw_result;

/* How an execution is, as far as a retry changes it. */
typedef struct cdfw_state {
  bool is_running;
  double start_time, end_time; /* ms since the epoch; -1: none */
} cdfw_state;

typedef struct cdfw_call {
  cdfw_op op;
  cdfw_client *client; /* kept alive by the user value */

  const char *method;
  cdfw_buffer url;
  size_t path_offset;       /* where in `url` begins what errors show */
  cdfw_buffer headers;      /* beside those of every call */
  const char *content_type; /* a literal; NULL: none, or among `headers` */
  cdfw_buffer body;         /* JSON text, without the nonce; or the bytes of an upload */
  bool has_body;
  cdfw_result result;
  cdfw_buffer execution; /* id that a CDFW_RESULT_EXECUTION must bear; empty: any */
  cdfw_buffer workflow;  /* external id that it must bear; empty: any */
  cdfw_buffer version;   /* that it must bear, where it bears one; empty: any */

  bool nonce_in_authentication; /* {"authentication":{"nonce":…}}, otherwise {"nonce":…} */
  size_t nonce_offset;          /* where in `body` that goes: behind an opening brace */
  cdfw_buffer token;            /* the access token sent last, to be kept out of errors */
  cdfw_buffer session_body;     /* of POST /sessions */
  cdfw_buffer session_secret;   /* the client secret in it, to be kept out of errors */
  cdfw_buffer nonce;            /* from the session, or the caller's own */
  cdfw_buffer secrets;          /* others in the body, with a NUL behind each */
  double session_id;            /* to revoke it */

  cdfw_buffer request_id;  /* of a run that can be looked up */
  cdfw_buffer look_url;    /* where: the list of executions, or the execution itself */
  cdfw_buffer look_filter; /* JSON of workflowFilters; empty: GET of the execution itself */
  cdfw_buffer look_cursor; /* of the next page; empty: the first */
  double look_start;       /* ms since the epoch; the same for all pages of one look */
  cdfw_look_clocks clocks; /* as they were before the first attempt of the call, if possible */
  cdfw_state before;       /* of the execution that is to be retried */
  double first_use;        /* monotonic time of the first attempt of the call */
  long owner;              /* the process that made it */
} cdfw_call;

/* In a call's user value. */
enum { CDFW_CALL_CLIENT = 1, CDFW_CALL_ERROR = 2, CDFW_CALL_REQUEST = 3 };

extern const char cdfw_call_class[];

/* Pushes an empty call of the client at `client_index`. [-0, +1] */
cdfw_call *cdfw_call_push(lua_State *L, int client_index);
/* The call at 1, or an argument error. [-0, +0] */
cdfw_call *cdfw_call_check(lua_State *L);
/* Begins the URL of a call under the client's project, without a path. */
void cdfw_call_begin_url(lua_State *L, cdfw_call *call);
/* Adds the URL of the project. False without memory or room. */
bool cdfw_call_add_project_url(const cdfw_client *client, cdfw_buffer *url);
/* What may be shown of where the call goes: its path, or an upload's host. */
const char *cdfw_call_shown(const cdfw_call *call, size_t *length);
/* Takes the secrets of the call out of the value on the top. Texts are cut after this, not before:
   half a secret would not be found. [-0, +0] */
void cdfw_call_redact(lua_State *L, const cdfw_call *call);
/* It has been sent, and its end is not known yet. A forked child's copy of it is no loss. */
bool cdfw_call_is_under_way(const cdfw_call *call);
/* It is over: what it holds is wiped and given back at once, for the next call to use the same
   memory while that is still near, instead of when the collector comes by. */
void cdfw_call_end(cdfw_call *call);
/* Methods of the class. */
int cdfw_call_gc(lua_State *L);
int cdfw_call_tostring(lua_State *L);

#endif
