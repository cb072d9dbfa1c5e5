/* SPDX-License-Identifier: Apache-2.0
 * The simulator's request parser and all behind it, through simulator.lua. Which Lua lines ran, and
 * after which others, is told to libFuzzer as its own counters, so that it finds its way in Lua
 * too. */
#include "fuzz.h"

static uint8_t counters[1 << 16] __attribute__((section("__libfuzzer_extra_counters"), used));

/* A pair of lines tells where the program is well enough; asking for the file at every line would
   take more time than all the rest. */
static void count_line(lua_State *L, lua_Debug *record) {
  static uint32_t before;
  (void)L;
  uint32_t here = (uint32_t)record->currentline * 2654435761u;
  uint8_t *counter = &counters[((here ^ before) >> 12) % sizeof counters];
  if (*counter < 255) ++*counter;
  before = here >> 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_sethook(fuzz_state(), count_line, LUA_MASKLINE, 0);
  fuzz_call_lua(FUZZ_FOLDER "simulator.lua", data, size);
  return 0;
}
