/* SPDX-License-Identifier: Apache-2.0
 * The error tables that users get (README «Errors»), and the removal of secrets from them. */
#ifndef CDFW_ERROR_H
#define CDFW_ERROR_H

#include "buffer.h"
#include "compat.h"

/* Pushes { kind =, message = } with the error metatable; the format is lua_pushfstring's. The
   message becomes one line of text. [-0, +1] */
void cdfw_error_push(lua_State *L, const char *kind, const char *format, ...);
/* Pushes nil and, for `return`, an error of kind "invalid": the option or member `field`, a path,
   breaks the rule `limit`, a figure where that is all digits, otherwise the rule in words. [-0, +2]
 */
int cdfw_error_invalid(lua_State *L, const char *field, const char *limit, const char *format, ...);
/* The same for a `problem` that a check of text.h found: "FIELD PROBLEM", with the figure in it as
   the limit where there is one. [-0, +2] */
int cdfw_error_problem(lua_State *L, const char *field, const char *problem);
/* Sets a string member of the error on the top of the stack, made one line; NULL sets nothing.
   [-0, +0] */
void cdfw_error_set(lua_State *L, const char *member, const char *text);
/* Replaces each occurrence of the secrets, however they are spelled, in every string of the error
   on the top of the stack, however deep. `secrets` holds them one behind the other, each with its
   NUL. [-0, +0] */
void cdfw_error_redact(lua_State *L, const cdfw_buffer *secrets);
/* Lua: core.error{ kind =, message =, … } → the same table as an error. */
int cdfw_error_new(lua_State *L);
void cdfw_error_open(lua_State *L);

#endif
