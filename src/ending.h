/* SPDX-License-Identifier: Apache-2.0
 * How the end of a transfer becomes an answer, or a failure that says whether anything was sent.
 * Knows nothing of Lua. */
#ifndef CDFW_ENDING_H
#define CDFW_ENDING_H

#include "transfer.h"

/* Writes the outcome, a CURLcode, into the response. */
void cdfw_ending_conclude(cdfw_transfer *transfer, int code);
/* Writes a failure that libcurl had no part in. */
void cdfw_ending_fail(cdfw_transfer *transfer, cdfw_failure failure, bool sent, const char *detail);

#endif
