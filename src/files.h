/* SPDX-License-Identifier: Apache-2.0
 * Files in a folder that is open: what must be done so that they survive a crash of the machine,
 * and what went wrong as errno has it. Knows nothing of Lua. */
#ifndef CDFW_FILES_H
#define CDFW_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* All return 0, or what errno said. What root makes belongs to whoever owns the folder. */

/* Opens a folder for its owner only, making it where it is missing. `at` is a folder, or -1 for a
   path that counts from the working directory. */
int cdfw_files_open_folder(int at, const char *path, int *folder);
/* A new file with these bytes, as old as `when` (seconds since the epoch, unless negative), on the
   disk when it returns, but for its name: see cdfw_files_sync. After an error there is none. */
int cdfw_files_write(int folder, const char *name, const char *bytes, size_t length, double when);
/* What is in the file, as far as the buffer goes. */
int cdfw_files_read(int folder, const char *name, cdfw_buffer *into);
int cdfw_files_read_all(int file, cdfw_buffer *into);
int cdfw_files_write_all(int file, const char *bytes, size_t length);
/* Gives a file another name in another folder, unless that is taken: EEXIST. */
int cdfw_files_publish(int from, const char *name, int to, const char *new_name);
/* Sees to it that a file's bytes, or the names in a folder, are on the disk. */
int cdfw_files_sync(int file);
/* Opens the file, made where it is missing if `create`, and locks it: EWOULDBLOCK where another has
   it locked, unless `wait`. The lock ends with the process, or with close. */
int cdfw_files_lock(int folder, const char *name, bool create, bool wait, int *file);
/* Whether it names a file in a folder: not empty, no '/', and it does not begin with '.'. */
bool cdfw_files_is_name(const char *name, size_t length);

#endif
