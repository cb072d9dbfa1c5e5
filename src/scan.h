/* SPDX-License-Identifier: Apache-2.0
 * The oldest files of a folder, found in steps, since there may be very many. Knows nothing of Lua.
 */
#ifndef CDFW_SCAN_H
#define CDFW_SCAN_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cdfw_scan_entry {
  int64_t seconds;  /* time of change: seconds since the epoch */
  long nanoseconds; /* and what is beyond */
  char *name;
} cdfw_scan_entry;

typedef struct cdfw_scan {
  DIR *dir;                 /* NULL: not begun, or closed */
  cdfw_scan_entry *entries; /* what may be among the oldest */
  size_t count, capacity;
  size_t most;  /* so many of them are wanted */
  size_t files; /* seen in all */
  double bytes; /* in them */
} cdfw_scan;

/* Begins with a folder that stays the caller's. 0, or errno. */
int cdfw_scan_begin(cdfw_scan *scan, int folder, size_t most);
/* Looks at so many entries more; `more` says whether some are left. 0, or errno. */
int cdfw_scan_step(cdfw_scan *scan, size_t entries, bool *more);
/* Puts what was found in order, oldest first, and leaves no more than is wanted. */
void cdfw_scan_sort(cdfw_scan *scan);
/* Frees everything; harmless a second time. */
void cdfw_scan_end(cdfw_scan *scan);

#endif
