/* SPDX-License-Identifier: Apache-2.0
 * call:step(…): a transport tells what happened and is told what to do next. Here op.c, the
 * requests and the answers come together. */
#ifndef CDFW_STEP_H
#define CDFW_STEP_H

#include "call.h"

/* Registers the class of calls; called once by luaopen_. [-0, +0] */
void cdfw_step_open(lua_State *L);

#endif
