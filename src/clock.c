/* SPDX-License-Identifier: Apache-2.0
 * Clocks; see clock.h. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"

#include <time.h>

#ifdef CLOCK_BOOTTIME
/* A token does not live longer because the machine was asleep. */
#define STEADY_CLOCK CLOCK_BOOTTIME
#elif defined(__linux__)
/* Linux has it, but <time.h> hides it from strict C; the number is part of the kernel's interface.
 */
#define STEADY_CLOCK 7
#else
#define STEADY_CLOCK CLOCK_MONOTONIC
#endif

static double read_clock(clockid_t clock) {
  struct timespec now = {0, 0};
  if (clock_gettime(clock, &now) != 0) clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double cdfw_clock_monotonic(void) {
  return read_clock(STEADY_CLOCK);
}

double cdfw_clock_wall(void) {
  return read_clock(CLOCK_REALTIME);
}
