/* SPDX-License-Identifier: Apache-2.0
 * A folder that is open, as an object of Lua's; files in it that are locked; and the oldest of its
 * files. What the world refuses is `nil, message`. */
#ifndef CDFW_FOLDER_H
#define CDFW_FOLDER_H

#include "compat.h"

/* For Lua: see folder.c. */
int cdfw_folder_open(lua_State *L);
/* Registers the classes; called once by luaopen_. [-0, +0] */
void cdfw_folder_classes(lua_State *L);

#endif
