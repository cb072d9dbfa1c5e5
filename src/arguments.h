/* SPDX-License-Identifier: Apache-2.0
 * What calls are given in Lua: options, sessions, identifiers, tables of text. The Lua layer has
 * looked for mistakes; here is what CDF refuses, and what would harm memory or the wire. Where a
 * function answers an int it is 0, or nil, err have been pushed and it is their number. */
#ifndef CDFW_ARGUMENTS_H
#define CDFW_ARGUMENTS_H

#include "call.h"

/* How large a table of text by text may be. */
typedef struct cdfw_pairs_limits {
  int pairs;
  double key, value; /* characters */
} cdfw_pairs_limits;

/* Pushes the option, nil when there is none. [-0, +1] → its type */
int cdfw_option_get(lua_State *L, int options, const char *name);
void cdfw_option_timeout(lua_State *L, int options, cdfw_call *call);
/* NULL for an absent option. The string stays on the stack: a metamethod of the options may have
   made it, and nothing else holds it. [-0, +1] */
const char *cdfw_option_string(lua_State *L, int options, const char *name, size_t *length);
/* The caller's own nonce, or a session that gives one. An empty nonce counts as absent (CDF.md 3).
 */
int cdfw_option_nonce(lua_State *L, int options, cdfw_call *call);
/* The kind is one of three words, or NULL for the default: client credentials where there are some
   (given to the call, or the client's own), otherwise token exchange (CDF.md 3). Pushes nil, err
   when the credentials are unusable. [-0, +0] → 0, or [-0, +2] → 2 */
int cdfw_option_session(lua_State *L, int options, cdfw_call *call);
/* Turns a number at `index` into its digits. [-0, +0] */
void cdfw_identifier_normalise(lua_State *L, int index);
/* Adds the identifier at `index` to the URL, as one segment. 0, or nil, err pushed. */
int cdfw_identifier_add(lua_State *L, cdfw_buffer *out, int index, const char *name);
/* Whether CDF would take the table at `index`, of text by text, `taken` pairs of which are others.
   [-0, +0] → 0, or nil, err pushed. */
int cdfw_pairs_check(lua_State *L, int index, const char *field, const cdfw_pairs_limits *limits,
                     int taken);
/* What cdfw_json_write pushed, as an error. [-0, +2] */
int cdfw_option_json_error(lua_State *L);
/* request_id: makes the call one that can be looked up, by `kind`. 0, or nil, err pushed. */
int cdfw_option_request_id(lua_State *L, int options, cdfw_call *call, cdfw_look_kind kind);

/* core.segment(name, value) → percent-encoded | nil, err; core.form(text) → form-encoded */
int cdfw_arguments_segment(lua_State *L);
int cdfw_arguments_form(lua_State *L);
/* core.identifier(name, value) → text | nil, err */
int cdfw_arguments_identifier(lua_State *L);
/* core.check_pairs(field, pairs, most, longest_key, longest_value) → true | nil, err: whether CDF
   takes a table of text by text; lengths in characters, may be infinite */
int cdfw_arguments_check_pairs(lua_State *L);

#endif
