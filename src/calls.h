/* SPDX-License-Identifier: Apache-2.0
 * Makes all other calls: each checks its arguments and gives a call (call.h), or nil and an error
 * before anything is sent. */
#ifndef CDFW_CALLS_H
#define CDFW_CALLS_H

#include "compat.h"

/* core.auth(client, options): { timeout = } */
int cdfw_calls_auth(lua_State *L);
/* core.request(client, method, path, body, options): { timeout =, headers =, repeats =,
   nonce_in =, nonce =, client_credentials =, session =, result = }, see calls.c */
int cdfw_calls_request(lua_State *L);
/* core.session(client, options): { client_credentials =, session =, timeout = } */
int cdfw_calls_session(lua_State *L);
/* core.upload(client, url, bytes, options): PUT without access token; { content_type =, timeout = }
 */
int cdfw_calls_upload(lua_State *L);

#endif
