/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader. */
#ifndef CDFW_JSON_READ_H
#define CDFW_JSON_READ_H

#include "compat.h"

enum {
  CDFW_JSON_READ_DEPTH = 512, /* arrays and objects inside one another that are read */
  /* Values and members' names that are read: 2 bytes of text can ask for a table of a hundred. */
  CDFW_JSON_MOST_VALUES = 1000000
};

enum {
  /* Members that are null are left out, except below input, output, data, metadata, response and
     body, which hold a user's own data. Nulls in arrays always stay. */
  CDFW_JSON_STRIP_NULLS = 1
};

/* Reads a whole JSON text. True [-0, +1] pushes the value; false [-0, +1] pushes what is wrong,
   which never repeats any of the text. Only memory errors raise. */
bool cdfw_json_read(lua_State *L, const char *text, size_t length, int flags);

#endif
