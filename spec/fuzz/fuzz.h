/* SPDX-License-Identifier: Apache-2.0
 * What the fuzz targets share: bytes taken from the input one by one, a Lua state, and failing.
 * Each target is one file with a LLVMFuzzerTestOneInput; run.sh builds and runs them. */
#ifndef CDFW_FUZZ_H
#define CDFW_FUZZ_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int luaopen_cdfworkflow_core(lua_State *L);

/* A broken promise: libFuzzer keeps the input that led here. */
#define fuzz_require(condition, ...)                                  \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                                   \
      fputc('\n', stderr);                                            \
      abort();                                                        \
    }                                                                 \
  } while (0)

typedef struct fuzz_input {
  const uint8_t *at, *end;
} fuzz_input;

static inline fuzz_input fuzz_input_of(const uint8_t *data, size_t size) {
  fuzz_input input = {data, data + size};
  return input;
}

/* The next byte; 0 when there is none left. */
static inline uint8_t fuzz_byte(fuzz_input *input) {
  return input->at < input->end ? *input->at++ : 0;
}

/* At most `length` of the next bytes; sets how many they are. */
static inline const char *fuzz_bytes(fuzz_input *input, size_t *length) {
  const char *bytes = (const char *)input->at;
  size_t left = (size_t)(input->end - input->at);
  if (*length > left) *length = left;
  input->at += *length;
  return bytes;
}

/* One Lua state for all inputs of a process, with cdfworkflow.core in the global `core`. */
static inline lua_State *fuzz_state(void) {
  static lua_State *L = NULL;
  if (L != NULL) return L;
  L = luaL_newstate();
  fuzz_require(L != NULL, "no Lua state");
  luaL_openlibs(L);
  luaL_requiref(L, "cdfworkflow.core", luaopen_cdfworkflow_core, 0);
  lua_setglobal(L, "core");
  return L;
}

/* Gives the input as a string to the function that a Lua file beside the targets returns. */
static inline void fuzz_call_lua(const char *file, const uint8_t *data, size_t size) {
  static const char key = 0;
  lua_State *L = fuzz_state();
  lua_settop(L, 0);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TFUNCTION) {
    fuzz_require(luaL_dofile(L, file) == 0, "%s", lua_tostring(L, -1));
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
  }
  lua_pushlstring(L, (const char *)data, size);
  fuzz_require(lua_pcall(L, 1, 0, 0) == 0, "raised %s", lua_tostring(L, -1));
}

#endif
