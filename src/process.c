/* SPDX-License-Identifier: Apache-2.0
 * The process's number, kept in a page that the system empties in each forked child, however it was
 * forked; see process.h. Handlers of pthread_atfork are not told of every fork. */
#define _GNU_SOURCE /* madvise, MAP_ANONYMOUS */
#include "process.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile long *known; /* 0 in it: not asked yet; NULL: there is no such page */

static void make_page(void) {
#ifdef MADV_WIPEONFORK
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  /* Who takes advice that there is not (qemu did) follows none. */
  if (madvise(page, size, -1) != 0 && madvise(page, size, MADV_WIPEONFORK) == 0)
    known = page;
  else
    munmap(page, size);
#endif
}

long cdfw_process_id(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (pthread_once(&once, make_page) != 0 || known == NULL) return (long)getpid();
  if (*known == 0) *known = (long)getpid();
  return *known;
}
