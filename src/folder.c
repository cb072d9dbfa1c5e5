/* SPDX-License-Identifier: Apache-2.0
 * Folders, locked files and scans as Lua has them; see folder.h. How files survive a crash is said
 * in files.c. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "object.h"
#include "scan.h"

static const char folder_class[] = "cdfworkflow.folder", locked_class[] = "cdfworkflow.locked",
                  scan_class[] = "cdfworkflow.scan";

/* A descriptor that its object closes. */
typedef struct holder {
  int descriptor; /* -1: closed */
} holder;

static holder *push_holder(lua_State *L, const char *class_name) {
  holder *held = cdfw_object_push(L, sizeof *held, class_name);
  held->descriptor = -1;
  return held;
}

static void let_go(holder *held) {
  if (held->descriptor >= 0) close(held->descriptor);
  held->descriptor = -1;
}

static int check_held(lua_State *L, int index, const char *class_name) {
  const holder *held = luaL_checkudata(L, index, class_name);
  if (held->descriptor < 0) luaL_error(L, "%s: it is closed", class_name);
  return held->descriptor;
}

static const char *check_name(lua_State *L, int index) {
  size_t length;
  const char *name = luaL_checklstring(L, index, &length);
  luaL_argcheck(L, cdfw_files_is_name(name, length), index, "a file's name in a folder expected");
  return name;
}

/* nil and what errno said. [-0, +2] */
static int say(lua_State *L, int problem) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(problem));
  return 2;
}

/* true, or nil and what errno said. [-0, +1] or [-0, +2] */
static int outcome(lua_State *L, int problem) {
  if (problem != 0) return say(L, problem);
  lua_pushboolean(L, 1);
  return 1;
}

/* false where that error is no trouble; otherwise as `outcome`. */
static int outcome_but(lua_State *L, int problem, int harmless) {
  if (problem != harmless || problem == 0) return outcome(L, problem);
  lua_pushboolean(L, 0);
  return 1;
}

/* {==== Folders ==== */

static int open_folder(lua_State *L, int at, const char *path) {
  holder *folder = push_holder(L, folder_class);
  int problem = cdfw_files_open_folder(at, path, &folder->descriptor);
  return problem == 0 ? 1 : say(L, problem);
}

/* core.folder(path) → folder | nil, message. Made where it is missing, for its owner only. */
int cdfw_folder_open(lua_State *L) {
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  luaL_argcheck(L, length > 0 && strlen(path) == length, 1, "a path expected");
  return open_folder(L, -1, path);
}

/* folder:folder(name) → folder | nil, message. One that is in it, made where it is missing. */
static int folder_folder(lua_State *L) {
  return open_folder(L, check_held(L, 1, folder_class), check_name(L, 2));
}

/* folder:write(name, text[, seconds]) → true | nil, message. A new file, synced, as old as that. */
static int folder_write(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  size_t length;
  const char *name = check_name(L, 2), *text = luaL_checklstring(L, 3, &length);
  return outcome(L, cdfw_files_write(folder, name, text, length, luaL_optnumber(L, 4, -1)));
}

/* folder:read(name, most) → text | false: there is none | nil, message. At most so many bytes. */
static int folder_read(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  const char *name = check_name(L, 2);
  cdfw_buffer *text = cdfw_scratch_push(L, (size_t)luaL_checkinteger(L, 3), false);
  int problem = cdfw_files_read(folder, name, text);
  if (problem != 0) return outcome_but(L, problem, ENOENT);
  lua_pushlstring(L, cdfw_buffer_text(text), text->length);
  return 1;
}

/* folder:size(name) → bytes | false: there is none | nil, message */
static int folder_size(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  struct stat status;
  if (fstatat(folder, check_name(L, 2), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return outcome_but(L, errno, ENOENT);
  lua_pushnumber(L, (lua_Number)status.st_size);
  return 1;
}

/* folder:publish(name, folder, new_name) → true | false: that name is taken | nil, message */
static int folder_publish(lua_State *L) {
  int from = check_held(L, 1, folder_class), to = check_held(L, 3, folder_class);
  const char *name = check_name(L, 2), *new_name = check_name(L, 4);
  return outcome_but(L, cdfw_files_publish(from, name, to, new_name), EEXIST);
}

/* folder:move(name, folder) → true | false: there is none | nil, message. Takes the place of what
   has the name there. */
static int folder_move(lua_State *L) {
  int from = check_held(L, 1, folder_class), to = check_held(L, 3, folder_class);
  const char *name = check_name(L, 2);
  return outcome_but(L, renameat(from, name, to, name) == 0 ? 0 : errno, ENOENT);
}

/* folder:remove(name) → true | false: there is none | nil, message */
static int folder_remove(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  return outcome_but(L, unlinkat(folder, check_name(L, 2), 0) == 0 ? 0 : errno, ENOENT);
}

/* folder:sync() → true | nil, message. The names in it are on the disk. */
static int folder_sync(lua_State *L) {
  return outcome(L, cdfw_files_sync(check_held(L, 1, folder_class)));
}

/* folder:lock(name, create, wait) → locked file | false: another has it locked, or there is none |
   nil, message */
static int folder_lock(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  const char *name = check_name(L, 2);
  bool create = lua_toboolean(L, 3) != 0, wait = lua_toboolean(L, 4) != 0;
  holder *file = push_holder(L, locked_class);
  int problem = cdfw_files_lock(folder, name, create, wait, &file->descriptor);
  if (problem == 0) return 1;
  return outcome_but(L, problem, problem == EWOULDBLOCK ? EWOULDBLOCK : ENOENT);
}

/* folder:scan(most) → scan | nil, message. Looks for so many of the oldest files. */
static int folder_scan(lua_State *L) {
  int folder = check_held(L, 1, folder_class);
  lua_Integer most = luaL_checkinteger(L, 2);
  luaL_argcheck(L, most >= 1, 2, "a number above 0 expected");
  cdfw_scan *scan = cdfw_object_push(L, sizeof *scan, scan_class);
  int problem = cdfw_scan_begin(scan, folder, (size_t)most);
  return problem == 0 ? 1 : say(L, problem);
}

/* :close(), of folders and locked files. A second time changes nothing. */
static int folder_close(lua_State *L) {
  let_go(luaL_checkudata(L, 1, folder_class));
  return 0;
}

static const luaL_Reg folder_methods[] = {{"folder", folder_folder},   {"write", folder_write},
                                          {"read", folder_read},       {"size", folder_size},
                                          {"publish", folder_publish}, {"move", folder_move},
                                          {"remove", folder_remove},   {"sync", folder_sync},
                                          {"lock", folder_lock},       {"scan", folder_scan},
                                          {"close", folder_close},     {"__close", folder_close},
                                          {"__gc", folder_close},      {NULL, NULL}};

/* }==== */

/* {==== Locked files ==== */

/* locked:read(most) → text | nil, message. From the beginning. */
static int locked_read(lua_State *L) {
  int file = check_held(L, 1, locked_class);
  cdfw_buffer *text = cdfw_scratch_push(L, (size_t)luaL_checkinteger(L, 2), false);
  if (lseek(file, 0, SEEK_SET) != 0) return say(L, errno);
  int problem = cdfw_files_read_all(file, text);
  if (problem != 0) return say(L, problem);
  lua_pushlstring(L, cdfw_buffer_text(text), text->length);
  return 1;
}

/* locked:append(text, sync) → true | nil, message */
static int locked_append(lua_State *L) {
  int file = check_held(L, 1, locked_class);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  if (lseek(file, 0, SEEK_END) < 0) return say(L, errno);
  int problem = cdfw_files_write_all(file, text, length);
  if (problem == 0 && lua_toboolean(L, 3)) problem = cdfw_files_sync(file);
  return outcome(L, problem);
}

/* locked:rewrite(text) → true | nil, message. Whoever reads meanwhile gets the old text or the new
   one, where both are short and equally long. Not synced. */
static int locked_rewrite(lua_State *L) {
  int file = check_held(L, 1, locked_class);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  if (lseek(file, 0, SEEK_SET) != 0) return say(L, errno);
  int problem = cdfw_files_write_all(file, text, length);
  if (problem == 0 && ftruncate(file, (off_t)length) != 0) problem = errno;
  return outcome(L, problem);
}

static int locked_close(lua_State *L) {
  let_go(luaL_checkudata(L, 1, locked_class));
  return 0;
}

static const luaL_Reg locked_methods[] = {{"read", locked_read},
                                          {"append", locked_append},
                                          {"rewrite", locked_rewrite},
                                          {"close", locked_close},
                                          {"__close", locked_close},
                                          {"__gc", locked_close},
                                          {NULL, NULL}};

/* }==== */

/* {==== Scans ==== */

/* scan:step(entries) → true: there are more | false | nil, message */
static int scan_step(lua_State *L) {
  cdfw_scan *scan = luaL_checkudata(L, 1, scan_class);
  lua_Integer entries = luaL_checkinteger(L, 2);
  bool more = false;
  if (scan->dir == NULL) return luaL_error(L, "the scan is over");
  int problem = cdfw_scan_step(scan, entries > 0 ? (size_t)entries : 1, &more);
  if (problem != 0) return say(L, problem);
  lua_pushboolean(L, more);
  return 1;
}

/* scan:result() → names, oldest first; their times, in seconds since the epoch; how many files
   there are; the bytes in them. The scan is over. */
static int scan_result(lua_State *L) {
  cdfw_scan *scan = luaL_checkudata(L, 1, scan_class);
  cdfw_scan_sort(scan);
  lua_settop(L, 1);
  lua_newtable(L);
  lua_newtable(L);
  for (size_t i = 0; i < scan->count; i++) {
    const cdfw_scan_entry *entry = &scan->entries[i];
    lua_pushstring(L, entry->name);
    lua_rawseti(L, 2, (int)i + 1);
    lua_pushnumber(L, (lua_Number)entry->seconds + (lua_Number)entry->nanoseconds / 1e9);
    lua_rawseti(L, 3, (int)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)scan->files);
  lua_pushnumber(L, (lua_Number)scan->bytes);
  cdfw_scan_end(scan);
  return 4;
}

static int scan_end(lua_State *L) {
  cdfw_scan_end(luaL_checkudata(L, 1, scan_class));
  return 0;
}

static const luaL_Reg scan_methods[] = {
    {"step", scan_step}, {"result", scan_result}, {"__gc", scan_end}, {NULL, NULL}};

/* }==== */

void cdfw_folder_classes(lua_State *L) {
  cdfw_object_class(L, folder_class, folder_methods);
  cdfw_object_class(L, locked_class, locked_methods);
  cdfw_object_class(L, scan_class, scan_methods);
}
