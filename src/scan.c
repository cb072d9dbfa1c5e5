/* SPDX-License-Identifier: Apache-2.0
 * The oldest files of a folder; see scan.h. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#ifdef __APPLE__
#define _DARWIN_C_SOURCE /* st_mtimespec */
#endif
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define CHANGED st_mtimespec
#else
#define CHANGED st_mtim
#endif

int cdfw_scan_begin(cdfw_scan *scan, int folder, size_t most) {
  /* Another descriptor, since each has but one place in the list of names. */
  int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return errno;
  scan->most = most;
  scan->dir = fdopendir(own);
  if (scan->dir != NULL) return 0;
  int problem = errno;
  close(own);
  return problem;
}

static int compare(const void *a, const void *b) {
  const cdfw_scan_entry *one = a, *other = b;
  if (one->seconds != other->seconds) return one->seconds < other->seconds ? -1 : 1;
  if (one->nanoseconds != other->nanoseconds) return one->nanoseconds < other->nanoseconds ? -1 : 1;
  return strcmp(one->name, other->name);
}

void cdfw_scan_sort(cdfw_scan *scan) {
  if (scan->count > 0) qsort(scan->entries, scan->count, sizeof *scan->entries, compare);
  while (scan->count > scan->most)
    free(scan->entries[--scan->count].name);
}

/* Room for one more. What surely is not among the oldest is let go of first. */
static bool make_room(cdfw_scan *scan) {
  if (scan->count < scan->capacity) return true;
  if (scan->count >= 2 * scan->most) {
    cdfw_scan_sort(scan);
    return true;
  }
  size_t capacity = scan->capacity == 0 ? 64 : 2 * scan->capacity;
  cdfw_scan_entry *entries = realloc(scan->entries, capacity * sizeof *entries);
  if (entries == NULL) return false;
  scan->entries = entries;
  scan->capacity = capacity;
  return true;
}

static bool add(cdfw_scan *scan, const char *name, const struct stat *status) {
  if (!make_room(scan)) return false;
  size_t size = strlen(name) + 1;
  char *copy = malloc(size);
  if (copy == NULL) return false;
  memcpy(copy, name, size);
  cdfw_scan_entry *entry = &scan->entries[scan->count++];
  entry->seconds = (int64_t)status->CHANGED.tv_sec;
  entry->nanoseconds = (long)status->CHANGED.tv_nsec;
  entry->name = copy;
  scan->files++;
  scan->bytes += (double)status->st_size;
  return true;
}

/* A file that is gone again by now is none. */
static int look_at(cdfw_scan *scan, const char *name) {
  struct stat status;
  if (name[0] == '.') return 0;
  if (fstatat(dirfd(scan->dir), name, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? 0 : errno;
  if (!S_ISREG(status.st_mode)) return 0;
  return add(scan, name, &status) ? 0 : ENOMEM;
}

int cdfw_scan_step(cdfw_scan *scan, size_t entries, bool *more) {
  int problem = 0;
  *more = true;
  for (size_t i = 0; i < entries && problem == 0; i++) {
    errno = 0;
    const struct dirent *entry = readdir(scan->dir);
    if (entry == NULL) {
      *more = false;
      return errno;
    }
    problem = look_at(scan, entry->d_name);
  }
  return problem;
}

void cdfw_scan_end(cdfw_scan *scan) {
  if (scan->dir != NULL) closedir(scan->dir);
  for (size_t i = 0; i < scan->count; i++)
    free(scan->entries[i].name);
  free(scan->entries);
  memset(scan, 0, sizeof *scan);
}
