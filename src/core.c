/* SPDX-License-Identifier: Apache-2.0
 * luaopen_cdfworkflow_core: registers what the rooms offer to Lua. Creates nothing else: hosts fork
 * after loading, and `require` does no I/O. */
#include "arguments.h"
#include "auth.h"
#include "calls.h"
#include "client.h"
#include "clock.h"
#include "compat.h"
#include "credentials.h"
#include "digest.h"
#include "error.h"
#include "folder.h"
#include "http.h"
#include "interrupt.h"
#include "json.h"
#include "library.h"
#include "object.h"
#include "run.h"
#include "stay.h"
#include "step.h"
#include "terminal.h"

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

/* core.http_date(text) → seconds since the epoch | nil */
static int core_http_date(lua_State *L) {
  double time = cdfw_policy_http_date(luaL_checkstring(L, 1));
  if (time < 0) return 0;
  lua_pushnumber(L, time);
  return 1;
}

/* core.sha256(text) → 64 hexadecimal digits */
static int core_sha256(lua_State *L) {
  static const char digits[] = "0123456789abcdef";
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  unsigned char digest[CDFW_DIGEST_SIZE];
  char hex[2 * CDFW_DIGEST_SIZE];
  cdfw_digest_sha256(text, length, digest);
  for (size_t i = 0; i < CDFW_DIGEST_SIZE; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  lua_pushlstring(L, hex, sizeof hex);
  return 1;
}

static const luaL_Reg functions[] = {{"array", cdfw_json_array},
                                     {"assertion", cdfw_client_assertion},
                                     {"auth", cdfw_calls_auth},
                                     {"check_pairs", cdfw_arguments_check_pairs},
                                     {"client", cdfw_client_new},
                                     {"credentials", cdfw_credentials_new},
                                     {"credentials_kind", cdfw_credentials_kind_of},
                                     {"decode", cdfw_json_decode},
                                     {"describe", cdfw_credentials_describe},
                                     {"encode", cdfw_json_encode},
                                     {"error", cdfw_error_new},
                                     {"folder", cdfw_folder_open},
                                     {"form", cdfw_arguments_form},
                                     {"handle_signals", cdfw_interrupt_handle},
                                     {"hold_streams", cdfw_terminal_hold},
                                     {"http", cdfw_http_new},
                                     {"http_date", core_http_date},
                                     {"identifier", cdfw_arguments_identifier},
                                     {"is_array", cdfw_json_is_array},
                                     {"is_raw_json", cdfw_json_is_raw},
                                     {"noted_signal", cdfw_interrupt_noted},
                                     {"now", core_now},
                                     {"raw_json", cdfw_json_raw},
                                     {"request", cdfw_calls_request},
                                     {"run", cdfw_run_run},
                                     {"segment", cdfw_arguments_segment},
                                     {"session", cdfw_calls_session},
                                     {"sha256", core_sha256},
                                     {"terminal", cdfw_terminal_size},
                                     {"time", core_time},
                                     {"token", cdfw_client_token},
                                     {"token_key", cdfw_client_token_key},
                                     {"upload", cdfw_calls_upload},
                                     {NULL, NULL}};

/* Raises where the promises cannot be kept in this process. */
static void check_surroundings(lua_State *L) {
  char problem[256];
  const char *reason;
  cdfw_checkversion(L);
  if (!cdfw_library_fits(problem, sizeof problem)) luaL_error(L, "%s", problem);
  if (!cdfw_stay(&reason)) luaL_error(L, "cdfworkflow cannot keep itself loaded: %s", reason);
}

CDFW_EXPORT int luaopen_cdfworkflow_core(lua_State *L);

CDFW_EXPORT int luaopen_cdfworkflow_core(lua_State *L) {
  check_surroundings(L);
  cdfw_json_open(L);
  cdfw_error_open(L);
  cdfw_object_open(L);
  cdfw_credentials_open(L);
  cdfw_client_open(L);
  cdfw_step_open(L);
  cdfw_http_open(L);
  cdfw_folder_classes(L);
  cdfw_newlib(L, functions);
  cdfw_json_push_null(L);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, CDFW_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, CDFW_AUTH_MOST_LEEWAY);
  lua_setfield(L, -2, "most_token_leeway"); /* seconds; a token with less left may be renewed */
  lua_pushstring(L, cdfw_library_version());
  lua_setfield(L, -2, "libcurl");
  return 1;
}
