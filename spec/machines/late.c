/* SPDX-License-Identifier: Apache-2.0
 * Loaded before the C library, it makes the time of day that of 2040, which a signed number of 32
 * bits cannot count: clock_gettime, by both names that it has on machines of 32 bits. */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const long long in_2040 = 2208988800LL; /* 2040-01-01T00:00:00Z */

struct wide {
  long long seconds;
  long nanoseconds;
  long padding;
};

int __clock_gettime64(clockid_t clock, struct wide *now);
int __clock_gettime64(clockid_t clock, struct wide *now) {
  struct timespec narrow = {0, 0};
  if (clock != CLOCK_REALTIME && syscall(SYS_clock_gettime, clock, &narrow) != 0) return -1;
  now->seconds = clock == CLOCK_REALTIME ? in_2040 : narrow.tv_sec;
  now->nanoseconds = narrow.tv_nsec;
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_gettime, clock, now);
  now->tv_sec = (time_t)in_2040;
  now->tv_nsec = 0;
  return 0;
}
