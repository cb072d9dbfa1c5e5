/* SPDX-License-Identifier: Apache-2.0
 * Which proxy libcurl took for a transfer, for errors to say. Knows nothing of Lua. */
#ifndef CDFW_PROXY_H
#define CDFW_PROXY_H

#include "transfer.h"

/* Notes in the response which proxy a transfer that has failed went by, if any, and who names it:
   never its user or its password. `nameless`: its name was not found. */
void cdfw_proxy_note(const cdfw_transfer *transfer, bool nameless);

#endif
