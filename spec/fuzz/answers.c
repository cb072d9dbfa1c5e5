/* SPDX-License-Identifier: Apache-2.0
 * The readers of token, session, run and other answers: answers.lua drives a call and gives the
 * input as one of the answers. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_call_lua(FUZZ_FOLDER "answers.lua", data, size);
  return 0;
}
