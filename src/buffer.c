/* SPDX-License-Identifier: Apache-2.0
 * Growable bytes; see buffer.h. Growing copies by hand instead of calling realloc, so that the old
 * place of a secret is wiped as well. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

/* Through a pointer that the compiler may not see through, or it would leave the call out. */
static void *(*const volatile wipe)(void *, int, size_t) = memset;

void cdfw_wipe(void *data, size_t length) {
  wipe(data, 0, length);
}

void cdfw_buffer_init(cdfw_buffer *buffer, size_t ceiling, bool secret) {
  memset(buffer, 0, sizeof *buffer);
  buffer->ceiling = ceiling;
  buffer->secret = secret;
}

static void release(cdfw_buffer *buffer) {
  if (buffer->data == NULL) return;
  if (buffer->secret) cdfw_wipe(buffer->data, buffer->capacity);
  free(buffer->data);
}

void cdfw_buffer_free(cdfw_buffer *buffer) {
  release(buffer);
  cdfw_buffer_init(buffer, buffer->ceiling, buffer->secret);
}

void cdfw_buffer_clear(cdfw_buffer *buffer) {
  if (buffer->data != NULL) {
    if (buffer->secret) cdfw_wipe(buffer->data, buffer->length);
    buffer->data[0] = '\0';
  }
  buffer->length = 0;
  buffer->state = CDFW_BUFFER_OK;
}

static bool grow(cdfw_buffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed)
    capacity *= 2;
  char *data = malloc(capacity);
  if (data == NULL) return false;
  if (buffer->data != NULL) memcpy(data, buffer->data, buffer->length);
  release(buffer);
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
}

bool cdfw_buffer_add(cdfw_buffer *buffer, const void *data, size_t length) {
  if (buffer->state != CDFW_BUFFER_OK) return false;
  if (length > buffer->ceiling - buffer->length) {
    buffer->state = CDFW_BUFFER_FULL;
    return false;
  }
  size_t needed = buffer->length + length + 1;
  if (needed > buffer->capacity && !grow(buffer, needed)) {
    buffer->state = CDFW_BUFFER_NO_MEMORY;
    return false;
  }
  if (length > 0) memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
  buffer->data[buffer->length] = '\0';
  return true;
}

void cdfw_buffer_reserve(cdfw_buffer *buffer, size_t length) {
  size_t needed = (length < buffer->ceiling ? length : buffer->ceiling) + 1;
  if (needed > buffer->capacity) (void)grow(buffer, needed);
}

bool cdfw_buffer_adds(cdfw_buffer *buffer, const char *text) {
  return cdfw_buffer_add(buffer, text, strlen(text));
}

bool cdfw_buffer_addc(cdfw_buffer *buffer, char c) {
  bool there = buffer->state == CDFW_BUFFER_OK && buffer->length < buffer->ceiling &&
               buffer->length + 1 < buffer->capacity;
  if (!there) return cdfw_buffer_add(buffer, &c, 1);
  buffer->data[buffer->length++] = c;
  buffer->data[buffer->length] = '\0';
  return true;
}

const char *cdfw_buffer_text(const cdfw_buffer *buffer) {
  return buffer->data != NULL ? buffer->data : "";
}
