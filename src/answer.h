/* SPDX-License-Identifier: Apache-2.0
 * Reads answers: outcomes for the state machine, results and error tables for Lua. */
#ifndef CDFW_ANSWER_H
#define CDFW_ANSWER_H

#include "call.h"

/* The response at `index`; a table that a Lua transport made is turned into one, in its place. */
const cdfw_response *cdfw_answer_check(lua_State *L, int index, const cdfw_call *call);
/* Takes the secrets of the call out of the value on the top. Texts are cut after this, not before:
   half a secret would not be found. [-0, +0] */
void cdfw_answer_redact(lua_State *L, const cdfw_call *call);
/* `wall`: seconds since the epoch when the answer came. */
void cdfw_answer_outcome(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                         double wall, cdfw_outcome *outcome);
/* Reads a success of the call's phase: true pushes the result (nil for a token, which the client
   keeps), false pushes what is wrong with the answer. A look sets `found` and `more`. [-0, +1] */
bool cdfw_answer_read(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_outcome *outcome, double now);
/* Pushes the error for the answer that ended the call; on the top of the stack is what
   cdfw_answer_read has pushed, or nil. [-0, +1] */
void cdfw_answer_push_error(lua_State *L, const cdfw_call *call, const cdfw_response *response);
void cdfw_answer_push_deadline_error(lua_State *L, const cdfw_call *call);
/* Adds attempts, elapsed and retryable to the error on the top and takes every secret out. */
void cdfw_answer_finish_error(lua_State *L, const cdfw_call *call, double now);

#endif
