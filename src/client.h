/* SPDX-License-Identifier: Apache-2.0
 * What all calls of one client share: where CDF is, who asks, the access token, the retry budget.
 */
#ifndef CDFW_CLIENT_H
#define CDFW_CLIENT_H

#include <stdint.h>

#include "auth.h"
#include "compat.h"
#include "credentials.h"
#include "op.h"

#define CDFW_VERSION "0.1.0"

typedef struct cdfw_client {
  cdfw_buffer base_url;   /* https://host, without a slash at the end */
  cdfw_buffer project;    /* percent-encoded */
  cdfw_buffer headers;    /* that each call to CDF sends: x-cdp-app, x-cdp-sdk, … */
  cdfw_buffer agent;      /* the User-Agent header, as a line of its own */
  double timeout;         /* seconds, one call with everything it takes */
  double connect_timeout; /* seconds */
  unsigned max_retries;
  bool is_patient;                     /* also with a server that was never reached */
  size_t max_response_size;            /* bytes */
  const cdfw_credentials *credentials; /* kept alive by the user value */
  cdfw_auth auth;
  cdfw_budget budget;
  cdfw_reached reached;
  uint64_t random_state;
} cdfw_client;

/* Lua: core.client{ project =, base_url =, credentials =, client_name =, timeout =,
   connect_timeout =, max_retries =, max_response_size =, patient = } → client | nil, err */
int cdfw_client_new(lua_State *L);
cdfw_client *cdfw_client_check(lua_State *L, int index);
/* The credentials' Lua function of the client at `index`. [-0, +1] */
void cdfw_client_push_token_function(lua_State *L, int index);
/* Lua: core.assertion(client) → the function that proves who the client is, where it has one */
int cdfw_client_assertion(lua_State *L);
/* Keeps the error on the top of the stack as the reason why there is no token. [-1, +0] */
void cdfw_client_keep_token_error(lua_State *L, int index);
/* Pushes a copy of it. [-0, +1] */
void cdfw_client_push_token_error(lua_State *L, int index);
/* Lua: core.token_key(client) → what tells this token from all others, that of another secret too;
   no secret in it. Takes some milliseconds on purpose. */
int cdfw_client_token_key(lua_State *L);
/* Lua: core.token(client) → token, seconds left | nil. For a token_store only. */
int cdfw_client_token(lua_State *L);
void cdfw_client_open(lua_State *L);

#endif
