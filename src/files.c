/* SPDX-License-Identifier: Apache-2.0
 * Files that survive; see files.h. */
#if defined(__linux__) || defined(__GLIBC__)
#define _DEFAULT_SOURCE /* flock; elsewhere it is in sight unless something narrower is asked for \
                         */
#endif
#define _FILE_OFFSET_BITS 64
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = S_IRWXU, FILE_MODE = S_IRUSR | S_IWUSR };

static int open_at(int at, const char *path, int flags) {
  int file;
  do
    file = openat(at, path, flags | O_CLOEXEC, FILE_MODE);
  while (file < 0 && errno == EINTR);
  return file;
}

bool cdfw_files_is_name(const char *name, size_t length) {
  return length > 0 && name[0] != '.' && strlen(name) == length && strchr(name, '/') == NULL;
}

int cdfw_files_sync(int file) {
  int failed;
  do
    failed = fsync(file);
  while (failed != 0 && errno == EINTR);
  /* Some file systems cannot sync a folder by itself, and say so. */
  return failed == 0 || errno == EINVAL ? 0 : errno;
}

/* What root makes in somebody's folder is theirs: they could not even lock it otherwise. What has
   another name too, or something in it, is not what was made just now. */
static void give_to_owner(int folder, int made) {
  struct stat owner, status;
  if (geteuid() != 0 || folder < 0 || fstat(folder, &owner) != 0 || owner.st_uid == 0) return;
  if (fstat(made, &status) != 0) return;
  bool is_new = S_ISDIR(status.st_mode) || (status.st_nlink == 1 && status.st_size == 0);
  if (is_new && fchown(made, owner.st_uid, owner.st_gid) != 0) return; /* it stays root's */
}

/* A folder that was just made is on the disk only when the one that it is in has been synced. Where
   that one may not be read, it stays as it is. */
static void sync_above(int folder) {
  int above = open_at(folder, "..", O_RDONLY | O_DIRECTORY);
  if (above < 0) return;
  (void)cdfw_files_sync(above);
  close(above);
}

int cdfw_files_open_folder(int at, const char *path, int *folder) {
  int from = at < 0 ? AT_FDCWD : at;
  bool is_new = mkdirat(from, path, FOLDER_MODE) == 0;
  int made = is_new ? 0 : errno;
  *folder = open_at(from, path, O_RDONLY | O_DIRECTORY);
  if (*folder < 0) return errno == ENOENT && made != EEXIST ? made : errno;
  if (is_new) {
    give_to_owner(at, *folder);
    sync_above(*folder);
  }
  return 0;
}

int cdfw_files_write_all(int file, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(file, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

/* The file's time of change is its place in the order. */
static int set_time(int file, double when) {
  if (when < 0) return 0;
  struct timespec times[2];
  times[0].tv_sec = (time_t)floor(when);
  times[0].tv_nsec = (long)((when - floor(when)) * 1e9);
  times[1] = times[0];
  return futimens(file, times) == 0 ? 0 : errno;
}

static int fill(int file, const char *bytes, size_t length, double when) {
  int problem = cdfw_files_write_all(file, bytes, length);
  if (problem == 0) problem = set_time(file, when);
  return problem == 0 ? cdfw_files_sync(file) : problem;
}

int cdfw_files_write(int folder, const char *name, const char *bytes, size_t length, double when) {
  int file = open_at(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (file < 0) return errno;
  give_to_owner(folder, file);
  int problem = fill(file, bytes, length, when);
  if (close(file) != 0 && problem == 0 && errno != EINTR) problem = errno;
  if (problem != 0) unlinkat(folder, name, 0);
  return problem;
}

int cdfw_files_read_all(int file, cdfw_buffer *into) {
  char piece[8192];
  size_t left = into->ceiling - into->length;
  while (left > 0) {
    ssize_t got = read(file, piece, left < sizeof piece ? left : sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    if (!cdfw_buffer_add(into, piece, (size_t)got)) return ENOMEM;
    left -= (size_t)got;
  }
  return 0;
}

int cdfw_files_read(int folder, const char *name, cdfw_buffer *into) {
  int file = open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return errno;
  int problem = cdfw_files_read_all(file, into);
  close(file);
  return problem;
}

int cdfw_files_publish(int from, const char *name, int to, const char *new_name) {
  if (linkat(from, name, to, new_name, 0) == 0) return unlinkat(from, name, 0) == 0 ? 0 : errno;
  if (errno == EEXIST || errno == ENOENT || errno == ENOSPC || errno == EROFS) return errno;
  /* A file system without links: two who come at the same moment with the same name are not told
     apart, and the later one counts. */
  struct stat there;
  if (fstatat(to, new_name, &there, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return renameat(from, name, to, new_name) == 0 ? 0 : errno;
}

/* Whether what is locked is what has the name: it may have been removed while we waited. */
static int lock(int file, bool wait, bool *is_there) {
  int failed;
  do
    failed = flock(file, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  if (failed != 0) return errno;
  struct stat status;
  if (fstat(file, &status) != 0) return errno;
  *is_there = status.st_nlink > 0;
  return 0;
}

int cdfw_files_lock(int folder, const char *name, bool create, bool wait, int *file) {
  for (;;) {
    bool is_there = false;
    *file = open_at(folder, name, O_RDWR | O_NOFOLLOW | (create ? O_CREAT : 0));
    if (*file < 0) return errno;
    int problem = lock(*file, wait, &is_there);
    if (problem == 0 && is_there) {
      if (create) give_to_owner(folder, *file);
      return 0;
    }
    close(*file);
    *file = -1;
    if (problem != 0) return problem;
  }
}
