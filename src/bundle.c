/* SPDX-License-Identifier: Apache-2.0
 * Reading a bundle; see bundle.h. Strict, since whoever asks has another way for what is odd. */
#define _POSIX_C_SOURCE 200809L
#include "bundle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  SIZE_MAX_BYTES = 16 * 1024 * 1024,
  FIRST_ROOM = 256,
  NO_DIGIT = 0xff, /* all bits, so that one among others shows */
  AFTER = 4        /* NULs at the end, so that four digits can be looked at everywhere */
};

/* {==== DER ==== */

enum { TAG_BMP = 0x1e, TAG_UNIVERSAL = 0x1c, TAG_VERSION = 0xa0 };

typedef struct der {
  const unsigned char *at;
  const unsigned char *end;
} der;

typedef struct element {
  unsigned tag;
  const unsigned char *begin; /* with its head */
  der content;
} element;

static bool read_length(der *from, size_t *length) {
  if (from->at == from->end) return false;
  unsigned byte = *from->at++;
  unsigned count = byte < 0x80 ? 0 : byte & 0x7f;
  *length = byte < 0x80 ? byte : 0;
  if (count > 4 || (byte & 0x80 && count == 0)) return false;
  for (; count > 0; count--) {
    if (from->at == from->end) return false;
    *length = *length << 8 | *from->at++;
  }
  return *length <= (size_t)(from->end - from->at);
}

static bool read_element(der *from, element *read) {
  size_t length;
  if (from->at == from->end) return false;
  read->begin = from->at;
  read->tag = *from->at++;
  if (!read_length(from, &length)) return false;
  read->content = (der){from->at, from->at + length};
  from->at += length;
  return true;
}

static unsigned char folded(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return (unsigned char)(c | 0x20);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
}

/* Of a value only the letters and digits of ASCII count: that is more than enough to tell names
   apart, and the same in each kind of string. */
static uint64_t value_digest(const element *value) { /* FNV-1a */
  static const unsigned char zeros[3];
  size_t width = value->tag == TAG_BMP ? 2 : value->tag == TAG_UNIVERSAL ? 4 : 1;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  const unsigned char *c = value->content.at;
  for (; (size_t)(value->content.end - c) >= width; c += width) {
    unsigned char last = memcmp(c, zeros, width - 1) == 0 ? folded(c[width - 1]) : 0;
    if (last != 0) hash = (hash ^ last) * UINT64_C(0x100000001b3);
  }
  return hash;
}

/* What stands in a set may stand there in any order. */
static bool set_digest(der set, uint64_t *sum) {
  element pair, type, value;
  while (set.at < set.end) {
    if (!read_element(&set, &pair) || !read_element(&pair.content, &type) ||
        !read_element(&pair.content, &value))
      return false;
    *sum += value_digest(&value);
  }
  return true;
}

bool cdfw_bundle_name(const unsigned char *data, size_t length, uint64_t *name) {
  der from = {data, data + length};
  element all, set;
  *name = 0;
  if (!read_element(&from, &all)) return false;
  while (all.content.at < all.content.end)
    if (!read_element(&all.content, &set) || !set_digest(set.content, name)) return false;
  return true;
}

/* The subject comes after version (perhaps), serial number, algorithm, issuer and validity. */
static bool read_subject(const unsigned char *data, size_t length, uint64_t *subject) {
  der from = {data, data + length};
  element certificate, signed_part, next;
  if (!read_element(&from, &certificate) || from.at != from.end) return false;
  if (!read_element(&certificate.content, &signed_part)) return false;
  der *members = &signed_part.content;
  bool versioned = members->at < members->end && *members->at == TAG_VERSION;
  for (int i = versioned ? 0 : 1; i < 6; i++)
    if (!read_element(members, &next)) return false;
  return cdfw_bundle_name(next.begin, (size_t)(next.content.end - next.begin), subject);
}

/* }==== */

/* {==== PEM ==== */

static const char begin_mark[] = "-----BEGIN ";
static const char kind_mark[] = "CERTIFICATE-----";
static const char end_mark[] = "-----END CERTIFICATE-----";

static void base64_values(unsigned char values[256]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  memset(values, NO_DIGIT, 256);
  for (int i = 0; i < 64; i++)
    values[(unsigned char)digits[i]] = (unsigned char)i;
}

static bool is_blank(char c) {
  return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* Decodes four digits at a time; → where there are not four in a row. */
static const char *decode_fours(const char *at, const unsigned char values[256],
                                unsigned char **out) {
  const unsigned char *in = (const unsigned char *)at;
  unsigned char *to = *out;
  for (;; in += 4, to += 3) {
    unsigned a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
    if ((a | b | c | d) == NO_DIGIT) break;
    to[0] = (unsigned char)(a << 2 | b >> 4);
    to[1] = (unsigned char)(b << 4 | c >> 2);
    to[2] = (unsigned char)(c << 6 | d);
  }
  *out = to;
  return (const char *)in;
}

/* Decodes up to the first dash. → where that is, or NULL for what is no Base64. */
static const char *decode(const char *at, const unsigned char values[256], unsigned char *out,
                          size_t *length) {
  unsigned bits = 0, count = 0;
  const unsigned char *begin = out;
  for (; *at != '-'; at++) {
    if (count == 0) at = decode_fours(at, values, &out);
    unsigned char value = values[(unsigned char)*at];
    if (*at == '-') break;
    if (value == NO_DIGIT && !is_blank(*at) && *at != '=') return NULL; /* the NUL at the end too */
    if (value == NO_DIGIT) continue;
    bits = bits << 6 | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    *out++ = (unsigned char)(bits >> count & 0xff);
  }
  *length = (size_t)(out - begin);
  return at;
}

static bool add(cdfw_bundle *bundle, const unsigned char *data, size_t length) {
  if (bundle->count == bundle->room) {
    size_t room = bundle->room > 0 ? 2 * bundle->room : FIRST_ROOM;
    cdfw_certificate *grown = realloc(bundle->certificates, room * sizeof *grown);
    if (grown == NULL) return false;
    bundle->certificates = grown;
    bundle->room = room;
  }
  cdfw_certificate *one = &bundle->certificates[bundle->count++];
  one->der = data;
  one->length = length;
  return read_subject(data, length, &one->subject);
}

/* Takes all certificates out of the text, which gives way to them. */
static bool take(cdfw_bundle *bundle, char *text) {
  unsigned char values[256];
  unsigned char *out = bundle->der = (unsigned char *)text;
  base64_values(values);
  for (const char *begin = text; (begin = strstr(begin, begin_mark)) != NULL;) {
    const char *at = begin + strlen(begin_mark);
    size_t length;
    if (strncmp(at, kind_mark, strlen(kind_mark)) != 0) return false;
    at = decode(at + strlen(kind_mark), values, out, &length);
    if (at == NULL || strncmp(at, end_mark, strlen(end_mark)) != 0) return false;
    if (!add(bundle, out, length)) return false;
    out += length;
    begin = at + strlen(end_mark);
  }
  return bundle->count > 0;
}

/* }==== */

/* {==== The file ==== */

static void note_age(cdfw_bundle *bundle, const struct stat *status) {
  bundle->device = status->st_dev;
  bundle->inode = status->st_ino;
  bundle->size = status->st_size;
  bundle->changed = status->st_ctime;
#ifdef st_ctime /* a part of st_ctim, then */
  bundle->changed_part = status->st_ctim.tv_nsec;
#endif
}

bool cdfw_bundle_is_current(const cdfw_bundle *bundle, const char *path) {
  struct stat status;
  cdfw_bundle now = {.changed_part = 0};
  if (stat(path, &status) != 0) return false;
  note_age(&now, &status);
  return now.device == bundle->device && now.inode == bundle->inode && now.size == bundle->size &&
         now.changed == bundle->changed && now.changed_part == bundle->changed_part;
}

static bool read_all(int file, char *text, size_t size) {
  size_t length = 0;
  while (length < size) {
    ssize_t got = read(file, text + length, size - length);
    if (got <= 0) return false;
    length += (size_t)got;
  }
  memset(text + size, 0, AFTER);
  return strlen(text) == size;
}

/* The whole file as a text, to be freed, or NULL. */
static char *read_file(cdfw_bundle *bundle, const char *path) {
  struct stat status;
  char *text = NULL;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return NULL;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SIZE_MAX_BYTES)
    text = malloc((size_t)status.st_size + AFTER);
  if (text != NULL && !read_all(file, text, (size_t)status.st_size)) {
    free(text);
    text = NULL;
  }
  if (text != NULL) note_age(bundle, &status);
  close(file);
  return text;
}

bool cdfw_bundle_read(cdfw_bundle *bundle, const char *path) {
  char *text = read_file(bundle, path);
  if (text == NULL) return false;
  if (take(bundle, text)) return true;
  cdfw_bundle_free(bundle);
  return false;
}

void cdfw_bundle_free(cdfw_bundle *bundle) {
  free(bundle->der);
  free(bundle->certificates);
  memset(bundle, 0, sizeof *bundle);
}

const cdfw_certificate *cdfw_bundle_find(const cdfw_bundle *bundle, uint64_t subject,
                                         const cdfw_certificate *after) {
  const cdfw_certificate *one = after != NULL ? after + 1 : bundle->certificates;
  for (; one < bundle->certificates + bundle->count; one++)
    if (one->subject == subject) return one;
  return NULL;
}

/* }==== */
