/* SPDX-License-Identifier: Apache-2.0
 * Ctrl-C and SIGTERM, for a program that wants to end in good order. Only what a program asks for
 * is set: loading the module touches no signal. */
#ifndef CDFW_INTERRUPT_H
#define CDFW_INTERRUPT_H

#include "compat.h"

/* For Lua: see interrupt.c. */
int cdfw_interrupt_handle(lua_State *L);
int cdfw_interrupt_noted(lua_State *L);

#endif
