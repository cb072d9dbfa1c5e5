/* SPDX-License-Identifier: Apache-2.0
 * Connections by name; see connections.h. A table of fixed size, in which one may take another's
 * place. */
#include "connections.h"

#include <stddef.h>
#include <string.h>

static uint64_t add(uint64_t hash, const void *data, size_t length) { /* FNV-1a */
  const unsigned char *bytes = data;
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  return hash;
}

uint64_t cdfw_connections_name(const char *to, int to_port, const char *from, int from_port) {
  uint64_t name = UINT64_C(0xcbf29ce484222325);
  name = add(name, to, strlen(to) + 1);
  name = add(name, from, strlen(from) + 1);
  name = add(name, &to_port, sizeof to_port);
  return add(name, &from_port, sizeof from_port) | 1;
}

static size_t place(uint64_t name) {
  return (size_t)((name >> 1) % CDFW_CONNECTIONS_KNOWN);
}

static const cdfw_connection *find(const cdfw_connections *connections, uint64_t name) {
  const cdfw_connection *one = &connections->known[place(name)];
  return one->name == name ? one : NULL;
}

void cdfw_connections_begin(cdfw_connections *connections, uint64_t name, int descriptor) {
  connections->known[place(name)] = (cdfw_connection){name, descriptor, 0};
}

void cdfw_connections_answered(cdfw_connections *connections, uint64_t name) {
  cdfw_connection *one = &connections->known[place(name)];
  if (one->name == name) one->answers++;
}

uint32_t cdfw_connections_least_stream(const cdfw_connections *connections, uint64_t name) {
  const cdfw_connection *one = find(connections, name);
  return one != NULL ? 2 * one->answers + 1 : 1;
}

int cdfw_connections_descriptor(const cdfw_connections *connections, uint64_t name) {
  const cdfw_connection *one = find(connections, name);
  return one != NULL ? one->descriptor : -1;
}
