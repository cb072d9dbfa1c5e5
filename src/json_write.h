/* SPDX-License-Identifier: Apache-2.0
 * The JSON writer. */
#ifndef CDFW_JSON_WRITE_H
#define CDFW_JSON_WRITE_H

#include "buffer.h"
#include "compat.h"

enum { CDFW_JSON_WRITE_DEPTH = 128 /* tables inside one another that are written */ };

/* Adds the value at `index` to `out` as compact JSON. No metamethod is called. `out` belongs to a
   userdata of the caller, since memory errors raise. True [-0, +0]; false [-0, +3] pushes the path
   to what is wrong, which begins with `name`, the rule (a number of bytes, or words), and a message
   of both: "input.sensors[3].value: NaN cannot …". */
bool cdfw_json_write(lua_State *L, int index, const char *name, cdfw_buffer *out);

/* Pushes the path to the member `key` of `name`, as such a message shows it. [-0, +1] */
const char *cdfw_json_push_path(lua_State *L, const char *name, const char *key, size_t length);

#endif
