/* SPDX-License-Identifier: Apache-2.0
 * call:step(…): a transport tells what happened and is told what to do next. Here op.c, the
 * requests and the answers come together. */
#ifndef CDFW_STEP_H
#define CDFW_STEP_H

#include "call.h"

/* A step of the call at 1 that is carried on without Lua (http.c): the first, or with what its
   latest request came to. → 0 with the next request filled in, which was empty; or how many values
   there are on the top, those that call:step would give. */
int cdfw_step_carried(lua_State *L, cdfw_call *call, const cdfw_response *response,
                      cdfw_request *request);
/* Registers the class of calls; called once by luaopen_. [-0, +0] */
void cdfw_step_open(lua_State *L);

#endif
