/* SPDX-License-Identifier: Apache-2.0
 * Keeps this module's code loaded until the process ends. Knows nothing of Lua. */
#ifndef CDFW_STAY_H
#define CDFW_STAY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on closing the Lua state leaves the code where it is. False, with a reason of the
   system's, when that cannot be had. */
bool cdfw_stay(const char **reason);

#endif
