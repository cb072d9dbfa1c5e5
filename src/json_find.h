/* SPDX-License-Identifier: Apache-2.0
 * Walks JSON text without making a value of it, where only a member or two are wanted. It knows
 * plain cases, and says no to all others, JSON or not: the reader (json_read.h) judges those. */
#ifndef CDFW_JSON_FIND_H
#define CDFW_JSON_FIND_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cdfw_json_walk {
  const char *at, *end; /* what is left of the text */
} cdfw_json_walk;

/* All of these pass the blanks behind what they take; false: nothing more is known of the text. */

/* Takes this character. */
bool cdfw_json_take(cdfw_json_walk *walk, char c);
/* Takes a text that has no escapes in it. */
bool cdfw_json_take_text(cdfw_json_walk *walk, const char **text, size_t *length);
/* Takes a whole number of at most 15 digits. */
bool cdfw_json_take_whole(cdfw_json_walk *walk, double *number);
/* Takes a value of any kind, and all that is inside. */
bool cdfw_json_skip(cdfw_json_walk *walk);

#endif
