/* SPDX-License-Identifier: Apache-2.0
 * luaopen_cdfworkflow_core: registers what the rooms offer to Lua. Creates nothing else: hosts fork
 * after loading, and `require` does no I/O. */
#include "call.h"
#include "client.h"
#include "clock.h"
#include "compat.h"
#include "credentials.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "library.h"
#include "object.h"
#include "run.h"

#if defined(_WIN32)
#define CDFW_EXPORT __declspec(dllexport)
#else
#define CDFW_EXPORT __attribute__((visibility("default")))
#endif

/* core.now() → seconds on a clock that only goes forward */
static int core_now(lua_State *L) {
  lua_pushnumber(L, cdfw_clock_monotonic());
  return 1;
}

/* core.time() → seconds since the epoch, with a fraction */
static int core_time(lua_State *L) {
  lua_pushnumber(L, cdfw_clock_wall());
  return 1;
}

static const luaL_Reg functions[] = {{"array", cdfw_json_array},
                                     {"auth", cdfw_run_auth},
                                     {"client", cdfw_client_new},
                                     {"credentials", cdfw_credentials_new},
                                     {"decode", cdfw_json_decode},
                                     {"encode", cdfw_json_encode},
                                     {"error", cdfw_error_new},
                                     {"form", cdfw_run_form},
                                     {"http", cdfw_http_new},
                                     {"is_array", cdfw_json_is_array},
                                     {"now", core_now},
                                     {"request", cdfw_run_request},
                                     {"run", cdfw_run_run},
                                     {"segment", cdfw_run_segment},
                                     {"session", cdfw_run_session},
                                     {"time", core_time},
                                     {"token", cdfw_client_token},
                                     {"token_key", cdfw_client_token_key},
                                     {"upload", cdfw_run_upload},
                                     {NULL, NULL}};

CDFW_EXPORT int luaopen_cdfworkflow_core(lua_State *L);

CDFW_EXPORT int luaopen_cdfworkflow_core(lua_State *L) {
  char problem[256];
  if (!cdfw_library_fits(problem, sizeof problem)) return luaL_error(L, "%s", problem);
  cdfw_json_open(L);
  cdfw_error_open(L);
  cdfw_object_open(L);
  cdfw_credentials_open(L);
  cdfw_client_open(L);
  cdfw_call_open(L);
  cdfw_http_open(L);
  cdfw_newlib(L, functions);
  cdfw_json_push_null(L);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, CDFW_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, cdfw_library_version());
  lua_setfield(L, -2, "libcurl");
  return 1;
}
