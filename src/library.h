/* SPDX-License-Identifier: Apache-2.0
 * The libcurl that this process has loaded, which may be another than the one it was built with:
 * whether it will do, and its start. Knows nothing of Lua. */
#ifndef CDFW_LIBRARY_H
#define CDFW_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether this libcurl can keep the library's promises; if not, one sentence that says what to do.
   Starts nothing. */
bool cdfw_library_fits(char *problem, size_t room);
/* Starts libcurl, once for each process; false when it cannot be. */
bool cdfw_library_start(void);
/* Whether an easy handle holds the request that it sent last until it is freed. */
bool cdfw_library_keeps_requests(void);
/* Whether it can be told to make a connection and say nothing on it yet. */
bool cdfw_library_keeps_unused(void);
/* The header line that names the encodings which it can undo, once it has started; or NULL. libcurl
   takes it without const, and changes nothing. */
char *cdfw_library_encodings(void);
/* "8.14.1" */
const char *cdfw_library_version(void);

#endif
