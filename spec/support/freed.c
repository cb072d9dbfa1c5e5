/* SPDX-License-Identifier: Apache-2.0
 * To be preloaded: looks into each block of memory that is given back, whether a canary is in it,
 * and says at the end who gave back how many: the module that FREED_MODULE names, libcurl, others.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long ours, unwiped, libcurls, others;

static int holds_canary(void *block) {
  return memmem(block, malloc_usable_size(block), "CANARY-", 7) != NULL;
}

static int is_of(void *caller, const char *module) {
  Dl_info place;
  return module != NULL && dladdr(caller, &place) != 0 && place.dli_fname != NULL &&
         strstr(place.dli_fname, module) != NULL;
}

static void look(void *block, void *caller) {
  static const char *module;
  int canary = holds_canary(block);
  if (module == NULL) module = getenv("FREED_MODULE");
  if (is_of(caller, module)) {
    ours++;
    unwiped += canary;
  } else if (canary && is_of(caller, "libcurl")) {
    libcurls++;
  } else {
    others += canary;
  }
}

/* The next definition of the function that stands here in its place. */
#define NEXT(function, name) *(void **)&(function) = dlsym(RTLD_NEXT, name)

void free(void *block) {
  static void (*give_back)(void *);
  if (give_back == NULL) NEXT(give_back, "free");
  if (block == NULL) return;
  look(block, __builtin_return_address(0));
  give_back(block);
}

/* What others left in the memory must not be taken for the new owner's. */
void *malloc(size_t size) {
  static void *(*get)(size_t);
  if (get == NULL) NEXT(get, "malloc");
  void *block = get(size);
  return block == NULL ? NULL : memset(block, 0, malloc_usable_size(block));
}

void *realloc(void *block, size_t size) {
  static void *(*resize)(void *, size_t);
  size_t old_size = block == NULL ? 0 : malloc_usable_size(block);
  if (resize == NULL) NEXT(resize, "realloc");
  if (block != NULL) look(block, __builtin_return_address(0));
  char *grown = resize(block, size);
  size_t new_size = grown == NULL ? 0 : malloc_usable_size(grown);
  if (new_size > old_size) memset(grown + old_size, 0, new_size - old_size);
  return grown;
}

__attribute__((destructor)) static void tell(void) {
  printf("%ld blocks of core.so, %ld with a canary; %ld of libcurl with one, %ld of others\n",
         (long)ours, (long)unwiped, (long)libcurls, (long)others);
  fflush(stdout);
}
