/* SPDX-License-Identifier: Apache-2.0
 * Credential values. They stay in C memory, are wiped, and show no secret to `tostring`. */
#ifndef CDFW_CREDENTIALS_H
#define CDFW_CREDENTIALS_H

#include "compat.h"
#include "message.h"

typedef enum cdfw_credentials_kind {
  CDFW_CREDENTIALS_TOKEN,    /* a ready-made access token */
  CDFW_CREDENTIALS_FUNCTION, /* a Lua function that gives one */
  CDFW_CREDENTIALS_CLIENT,   /* OAuth 2.0 client credentials with a token endpoint: a secret, or a
                                Lua function that gives an assertion (RFC 7523) */
  CDFW_CREDENTIALS_PAIR      /* client id and secret alone, good for a session only */
} cdfw_credentials_kind;

typedef struct cdfw_credentials {
  cdfw_credentials_kind kind;
  cdfw_buffer token;
  cdfw_buffer client_id;
  cdfw_buffer client_secret;
  cdfw_buffer token_url;
  cdfw_buffer scope;     /* joined by spaces; empty: none */
  cdfw_buffer audience;  /* empty: none */
  cdfw_buffer resource;  /* the same */
  cdfw_buffer proof;     /* with an assertion: what tells whoever may make it from others, such as a
                            key; only its digest leaves here */
  cdfw_buffer label;     /* what `tostring` calls them; empty: after their kind */
  bool scope_of_cluster; /* Entra ID without scopes: "<base_url>/.default" */
} cdfw_credentials;

/* Lua: core.credentials{…} → credentials | nil, err */
int cdfw_credentials_new(lua_State *L);
/* Lua: core.describe(credentials) → { by_function =, has_secret =, client_id =, token_url =
   }, nothing secret */
int cdfw_credentials_describe(lua_State *L);
/* The credentials at `index`, or NULL when it is something else. [-0, +0] */
cdfw_credentials *cdfw_credentials_test(lua_State *L, int index);
/* Pushes credentials from the option at `index`: credentials are passed through, a table
   { client_id =, client_secret = } makes a pair. Otherwise raises, naming `option`, or pushes nil
   and an error and answers NULL. [-0, +1] or [-0, +2] */
cdfw_credentials *cdfw_credentials_push_pair(lua_State *L, int index, const char *option);
bool cdfw_credentials_has_pair(const cdfw_credentials *credentials);
/* Pushes the Lua function of credentials at `index`, nil where there is none. [-0, +1] */
void cdfw_credentials_push_function(lua_State *L, int index);
/* The form of the token request; `base_url` is that of CDF. */
bool cdfw_credentials_add_form(const cdfw_credentials *credentials, const cdfw_buffer *base_url,
                               cdfw_buffer *out);
/* The members that an assertion adds to it. */
bool cdfw_credentials_add_assertion(const char *assertion, size_t length, cdfw_buffer *out);
/* Lua: core.credentials_kind(value) → "token", "token function", "client credentials" (with a
   secret), or their label; nil for what is no credentials */
int cdfw_credentials_kind_of(lua_State *L);
void cdfw_credentials_open(lua_State *L);

#endif
