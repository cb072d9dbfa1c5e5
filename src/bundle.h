/* SPDX-License-Identifier: Apache-2.0
 * The certificates of a bundle (PEM), found by the names of their subjects without being parsed:
 * that takes OpenSSL a hundred times as long. Trusts nothing, and knows nothing of Lua, libcurl or
 * OpenSSL. */
#ifndef CDFW_BUNDLE_H
#define CDFW_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct cdfw_certificate {
  uint64_t subject;         /* its name, as cdfw_bundle_name tells it */
  const unsigned char *der; /* in the bundle's `der` */
  size_t length;
} cdfw_certificate;

typedef struct cdfw_bundle {
  unsigned char *der; /* of all certificates; NULL: nothing was read */
  cdfw_certificate *certificates;
  size_t count;
  size_t room;       /* certificates allocated */
  dev_t device;      /* what tells that the file is another by now … */
  ino_t inode;       /* … */
  off_t size;        /* … */
  time_t changed;    /* … its last change, in seconds … */
  long changed_part; /* … and ns */
} cdfw_bundle;

/* Reads the file into a zeroed bundle. False, with the bundle as it was, where that cannot be, or
   where anything else than certificates stands in the file. */
bool cdfw_bundle_read(cdfw_bundle *bundle, const char *path);
void cdfw_bundle_free(cdfw_bundle *bundle);
/* Whether the file is still the one that was read. */
bool cdfw_bundle_is_current(const cdfw_bundle *bundle, const char *path);

/* A digest of the name (DER): the same for names that are the same by RFC 5280, whatever the kinds
   of their strings, letter case and blanks; perhaps for others too. False for what is no name. */
bool cdfw_bundle_name(const unsigned char *der, size_t length, uint64_t *name);
/* The certificate of that subject after the one given (NULL: the first), or NULL. */
const cdfw_certificate *cdfw_bundle_find(const cdfw_bundle *bundle, uint64_t subject,
                                         const cdfw_certificate *after);

#endif
