/* SPDX-License-Identifier: Apache-2.0
 * Reads answers: outcomes for the state machine, results for Lua. */
#ifndef CDFW_ANSWER_H
#define CDFW_ANSWER_H

#include "call.h"

/* The response at `index`; a table that a Lua transport made is turned into one, in its place. */
const cdfw_response *cdfw_answer_check(lua_State *L, int index, const cdfw_call *call);
/* `wall`: seconds since the epoch when the answer came. */
void cdfw_answer_outcome(lua_State *L, const cdfw_call *call, const cdfw_response *response,
                         double wall, cdfw_outcome *outcome);
/* Reads a success of the call's phase: true pushes the result (nil for a token, which the client
   keeps), false pushes what is wrong with the answer. A look sets `found` and `more`. [-0, +1] */
bool cdfw_answer_read(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_outcome *outcome, double now);
/* The answer's body as JSON, unseen by a debug hook: true [-0, +1] pushes the value, false [-0, +1]
   what is wrong. */
bool cdfw_answer_read_unseen(lua_State *L, const cdfw_response *response);

#endif
