/* SPDX-License-Identifier: Apache-2.0
 * The userdata that rooms hand to one another: scratch buffers, requests, responses.
 * Each is collectable from the moment it exists, and its `tostring` tells nothing secret. */
#ifndef CDFW_OBJECT_H
#define CDFW_OBJECT_H

#include "compat.h"
#include "message.h"

/* Raises where `added`, what became of adding to a buffer, is false: there is no memory. [-0, +0]
 */
void cdfw_need(lua_State *L, bool added);
/* Pushes an empty buffer that is freed by collection. [-0, +1] */
cdfw_buffer *cdfw_scratch_push(lua_State *L, size_t ceiling, bool secret);
/* Pushes an empty request / response. [-0, +1] */
cdfw_request *cdfw_request_push(lua_State *L);
cdfw_response *cdfw_response_push(lua_State *L, size_t max_body);
/* The request / response at `index`, or an argument error. [-0, +0] */
cdfw_request *cdfw_request_check(lua_State *L, int index);
/* The response at `index`, or NULL when it is something else. [-0, +0] */
cdfw_response *cdfw_response_test(lua_State *L, int index);
/* Pushes a closed-over empty userdata of the registered class: zeroed memory with its metatable.
   [-0, +1] */
void *cdfw_object_push(lua_State *L, size_t size, const char *class_name);
/* Registers a class: metatable with the methods, `__index` to itself, `__gc` and `__tostring`
   among `methods`. A second call changes nothing. [-0, +0] */
void cdfw_object_class(lua_State *L, const char *class_name, const luaL_Reg *methods);
/* Registers the classes of this file; called once by luaopen_. [-0, +0] */
void cdfw_object_open(lua_State *L);

#endif
