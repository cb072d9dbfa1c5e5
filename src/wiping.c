/* SPDX-License-Identifier: Apache-2.0
 * Wiped memory; see wiping.h. A system that does not tell how large a block is keeps its own ways.
 */
#include "wiping.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#if defined(__linux__)
#include <malloc.h>
#define usable_size malloc_usable_size
#elif defined(__FreeBSD__)
#include <malloc_np.h>
#define usable_size malloc_usable_size
#elif defined(__APPLE__)
#include <malloc/malloc.h>
#define usable_size malloc_size
#endif

#ifdef usable_size

enum {
  PIECE = 1024, /* bytes at once: memset is slow to begin with larger ones */
  ROOMY = 1024  /* below that a block that grows once is given room to grow on */
};

static void wipe(char *block, size_t size) {
  for (; size > PIECE; block += PIECE, size -= PIECE)
    cdfw_wipe(block, PIECE);
  cdfw_wipe(block, size);
}

void cdfw_wiping_free(void *block) {
  if (block == NULL) return;
  wipe(block, usable_size(block));
  free(block);
}

/* Never by realloc where the block would move, which leaves a copy behind. */
void *cdfw_wiping_resize(void *block, size_t size) {
  if (block == NULL) return malloc(size);
  size_t old_size = usable_size(block);
  if (size <= old_size && (size >= old_size / 2 || old_size <= (size_t)4 * ROOMY)) return block;
  void *moved = malloc(size < ROOMY ? 4 * size + 1 : size);
  if (moved == NULL) return NULL;
  memcpy(moved, block, old_size < size ? old_size : size);
  cdfw_wiping_free(block);
  return moved;
}

#else

void cdfw_wiping_free(void *block) {
  free(block);
}

void *cdfw_wiping_resize(void *block, size_t size) {
  return realloc(block, size);
}

#endif
