/* SPDX-License-Identifier: Apache-2.0
 * The error tables of calls: what happened, to what, and what to change; and the removal of the
 * call's secrets from what anybody is shown. */
#ifndef CDFW_CALL_ERROR_H
#define CDFW_CALL_ERROR_H

#include "call.h"

/* Pushes the error for the answer that ended the call; on the top of the stack is what
   cdfw_answer_read has pushed, or nil. [-0, +1] */
void cdfw_call_error_push(lua_State *L, const cdfw_call *call, const cdfw_response *response);
void cdfw_call_error_push_deadline(lua_State *L, const cdfw_call *call);
/* Adds attempts, elapsed and retryable to the error on the top and takes every secret out. */
void cdfw_call_error_finish(lua_State *L, const cdfw_call *call, double now);

#endif
