/* SPDX-License-Identifier: Apache-2.0
 * Growable bytes with a ceiling given at birth; wiped before they are freed when secret.
 * Knows nothing of Lua or libcurl. */
#ifndef CDFW_BUFFER_H
#define CDFW_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cdfw_buffer_state {
  CDFW_BUFFER_OK,       /* everything that was added is there */
  CDFW_BUFFER_FULL,     /* an addition would have passed the ceiling; the content stays as it was */
  CDFW_BUFFER_NO_MEMORY /* an addition found no memory; the content stays as it was */
} cdfw_buffer_state;

typedef struct cdfw_buffer {
  char *data;              /* NULL while empty; otherwise NUL-terminated after `length` bytes */
  size_t length;           /* bytes in use, the closing NUL not counted */
  size_t capacity;         /* bytes allocated, the closing NUL counted */
  size_t ceiling;          /* largest `length` allowed */
  bool secret;             /* wipe memory before giving it back */
  cdfw_buffer_state state; /* sticky: after the first failure every addition fails */
} cdfw_buffer;

/* Makes an empty buffer; allocates nothing. */
void cdfw_buffer_init(cdfw_buffer *buffer, size_t ceiling, bool secret);
/* Frees the memory (wiped if secret); the buffer is then as new. Safe on a zeroed struct. */
void cdfw_buffer_free(cdfw_buffer *buffer);
/* Forgets the content (wiped if secret) and the failure, keeps the memory. */
void cdfw_buffer_clear(cdfw_buffer *buffer);
/* Adds bytes; false when it failed now or before, see `state`. */
bool cdfw_buffer_add(cdfw_buffer *buffer, const void *data, size_t length);
/* Makes room for that many bytes in all at once, where they are known to come; not needed. */
void cdfw_buffer_reserve(cdfw_buffer *buffer, size_t length);
/* Adds a NUL-terminated text without its NUL. */
bool cdfw_buffer_adds(cdfw_buffer *buffer, const char *text);
bool cdfw_buffer_addc(cdfw_buffer *buffer, char c);
/* The content as a NUL-terminated text, never NULL. */
const char *cdfw_buffer_text(const cdfw_buffer *buffer);
/* Overwrites memory in a way the compiler may not leave out. */
void cdfw_wipe(void *data, size_t length);

#endif
