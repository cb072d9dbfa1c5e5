/* SPDX-License-Identifier: Apache-2.0
 * One Lua C API for Lua 5.1, LuaJIT, 5.3, 5.4 and 5.5. No other file asks for the Lua version.
 * Shims bear names of our own, because LuaJIT already declares some of the later functions. */
#ifndef CDFW_COMPAT_H
#define CDFW_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Raises where the Lua that loads this is another than it was built for, before any of its numbers
   is used, or one that it cannot be built for. */
#if LUA_VERSION_NUM == 502
#define cdfw_checkversion(L)                                                 \
  luaL_error((L),                                                            \
             "cdfworkflow does not run on Lua 5.2, whose coroutines do not " \
             "tell whether they can wait: use 5.1, LuaJIT, 5.3, 5.4 or 5.5")
#elif LUA_VERSION_NUM > 502
#define cdfw_checkversion(L) luaL_checkversion(L)
#else
#define cdfw_checkversion(L) ((void)(L)) /* 5.1 has functions that no later Lua has */
#endif

#if LUA_VERSION_NUM >= 502
#define cdfw_rawlen(L, index) ((size_t)lua_rawlen((L), (index)))
#define cdfw_absindex(L, index) lua_absindex((L), (index))
#define cdfw_setfuncs(L, list) luaL_setfuncs((L), (list), 0)
#define cdfw_newlib(L, list) luaL_newlib((L), (list))
#define cdfw_rawgetp(L, index, key) ((void)lua_rawgetp((L), (index), (key)))
#define cdfw_rawsetp(L, index, key) lua_rawsetp((L), (index), (key))
#else
#define cdfw_rawlen(L, index) lua_objlen((L), (index))

static inline int cdfw_absindex(lua_State *L, int index) {
  return (index > 0 || index <= LUA_REGISTRYINDEX) ? index : lua_gettop(L) + index + 1;
}

static inline void cdfw_setfuncs(lua_State *L, const luaL_Reg *list) {
  for (; list->name != NULL; list++) {
    lua_pushcfunction(L, list->func);
    lua_setfield(L, -2, list->name);
  }
}

static inline void cdfw_newlib(lua_State *L, const luaL_Reg *list) {
  lua_newtable(L);
  cdfw_setfuncs(L, list);
}

static inline void cdfw_rawgetp(lua_State *L, int index, const void *key) {
  int table = cdfw_absindex(L, index);
  /* The key is only an address; Lua 5.1 takes light userdata without const. */
  lua_pushlightuserdata(L, (void *)(size_t)key);
  lua_rawget(L, table);
}

static inline void cdfw_rawsetp(lua_State *L, int index, const void *key) {
  int table = cdfw_absindex(L, index);
  lua_pushlightuserdata(L, (void *)(size_t)key);
  lua_insert(L, -2);
  lua_rawset(L, table);
}
#endif

#if LUA_VERSION_NUM >= 504
#define cdfw_newuserdata(L, size) lua_newuserdatauv((L), (size), 1)
#define cdfw_setuservalue(L, index) ((void)lua_setiuservalue((L), (index), 1))
#define cdfw_getuservalue(L, index) ((void)lua_getiuservalue((L), (index), 1))
#elif LUA_VERSION_NUM >= 502
#define cdfw_newuserdata(L, size) lua_newuserdata((L), (size))
#define cdfw_setuservalue(L, index) lua_setuservalue((L), (index))
#define cdfw_getuservalue(L, index) ((void)lua_getuservalue((L), (index)))
#else
#define cdfw_newuserdata(L, size) lua_newuserdata((L), (size))
/* 5.1 has an environment where later versions have a user value; both hold one table here. */
#define cdfw_setuservalue(L, index) ((void)lua_setfenv((L), (index)))
#define cdfw_getuservalue(L, index) lua_getfenv((L), (index))
#endif

#if LUA_VERSION_NUM >= 503
#define CDFW_HAS_INTEGERS 1
#define cdfw_isinteger(L, index) (lua_isinteger((L), (index)) != 0)
#else
#define CDFW_HAS_INTEGERS 0
#define cdfw_isinteger(L, index) ((void)(L), (void)(index), false)
#endif

/* The metatable of a class (object.h). It is kept under the address of its name too, for which no
   text must be looked up. [-0, +1] */
#define cdfw_getclass(L, name) cdfw_rawgetp((L), LUA_REGISTRYINDEX, (name))

/* The userdata at `index` if it is of the class, otherwise NULL. [-0, +0] */
static inline void *cdfw_testudata(lua_State *L, int index, const char *name) {
  void *data = lua_touserdata(L, index);
  if (data == NULL || !lua_getmetatable(L, index)) return NULL;
  cdfw_getclass(L, name);
  bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same ? data : NULL;
}

/* The same, or an argument error. */
static inline void *cdfw_checkudata(lua_State *L, int index, const char *name) {
  void *data = cdfw_testudata(L, index, name);
  return data != NULL ? data : luaL_checkudata(L, index, name);
}

#endif
