/* SPDX-License-Identifier: Apache-2.0
 * Secrets in what a server says, however they are spelled there. Knows nothing of Lua, nor which
 * values are secret. */
#ifndef CDFW_SPELLING_H
#define CDFW_SPELLING_H

#include "buffer.h"

typedef enum cdfw_spelling {
  CDFW_SPELLING_CLEAN,    /* no secret is in the text, and nothing of use in `out` */
  CDFW_SPELLING_REDACTED, /* `out` has the text without them */
  CDFW_SPELLING_NO_MEMORY /* nobody knows */
} cdfw_spelling;

/* Adds the text to `out` with a mark in place of each secret: as it is; escaped, once or twice, as
   in URLs, forms, JSON and HTML; or in Base64, with whatever is around it. Where one is found only
   after escapes are undone, they are undone in the whole text. `secrets` are C strings one behind
   the other, each with its NUL; those of less than four bytes are none. */
cdfw_spelling cdfw_spelling_redact(const char *text, size_t length, const cdfw_buffer *secrets,
                                   cdfw_buffer *out);

#endif
