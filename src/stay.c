/* SPDX-License-Identifier: Apache-2.0
 * Staying loaded; see stay.h. A resolver thread of libcurl may outlive lua_close, and must not find
 * its code gone. Linkers of ELF have `-z nodelete` for that, ld64 of macOS has nothing; so it is
 * asked for at run time, in one way everywhere. */
#define _GNU_SOURCE      /* dladdr; on Linux */
#define _DARWIN_C_SOURCE /* and on macOS */
#include "stay.h"

#include <dlfcn.h>

static const char here; /* an address in this object */

bool cdfw_stay(const char **reason) {
  Dl_info object;
  *reason = "dladdr does not know it";
  if (dladdr(&here, &object) == 0) return false;
  /* It is loaded already: nothing is read, only the promise is added. */
  if (dlopen(object.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != NULL) return true;
  *reason = dlerror();
  return *reason == NULL; /* nothing was loaded by that name: it is a part of the program itself */
}
