/* SPDX-License-Identifier: Apache-2.0
 * The CDF calls as Lua starts them: each checks its arguments and gives a call (call.h), or nil and
 * an error before anything is sent. */
#ifndef CDFW_RUN_H
#define CDFW_RUN_H

#include "compat.h"

/* core.auth(client, options): { timeout = } */
int cdfw_run_auth(lua_State *L);
/* core.run(client, workflow_external_id, version, options): { input =, metadata =, nonce =,
   client_credentials =, session =, request_id =, timeout = } */
int cdfw_run_run(lua_State *L);
/* core.request(client, method, path, body, options): { timeout =, headers =, repeats =,
   nonce_in =, nonce =, client_credentials =, session =, result = }, see run.c */
int cdfw_run_request(lua_State *L);
/* core.session(client, options): { client_credentials =, session =, timeout = } */
int cdfw_run_session(lua_State *L);
/* core.upload(client, url, bytes, options): PUT without access token; { content_type =, timeout = }
 */
int cdfw_run_upload(lua_State *L);
/* core.segment(name, value) → percent-encoded | nil, err; core.form(text) → form-encoded */
int cdfw_run_segment(lua_State *L);
int cdfw_run_form(lua_State *L);
/* core.identifier(name, value) → text | nil, err */
int cdfw_run_identifier(lua_State *L);
/* core.check_pairs(field, pairs, most, longest_key, longest_value) → true | nil, err: whether CDF
   takes a table of text by text; lengths in characters, may be infinite */
int cdfw_run_check_pairs(lua_State *L);

#endif
