/* SPDX-License-Identifier: Apache-2.0
 * What is known of the connections that libcurl keeps and does not tell: each one's socket, and how
 * many answers it has brought. An HTTP/2 server that goes away names the last stream that it has
 * looked at; a client's streams are numbered 1, 3, 5 …, so a request has a higher number than all
 * that were answered before it began. Knows nothing of libcurl. */
#ifndef CDFW_CONNECTIONS_H
#define CDFW_CONNECTIONS_H

#include <stdint.h>

enum { CDFW_CONNECTIONS_KNOWN = 256 /* of one that is forgotten nothing is claimed */ };

typedef struct cdfw_connection {
  uint64_t name;
  int descriptor;
  uint32_t answers;
} cdfw_connection;

typedef struct cdfw_connections {
  cdfw_connection known[CDFW_CONNECTIONS_KNOWN];
} cdfw_connections;

/* What tells a connection from all others of its time; never 0. */
uint64_t cdfw_connections_name(const char *to, int to_port, const char *from, int from_port);
/* A new connection, perhaps under the name of one that is gone. */
void cdfw_connections_begin(cdfw_connections *connections, uint64_t name, int descriptor);
/* One more request was answered there. */
void cdfw_connections_answered(cdfw_connections *connections, uint64_t name);
/* No request that begins there now is an HTTP/2 stream with a lower number. */
uint32_t cdfw_connections_least_stream(const cdfw_connections *connections, uint64_t name);
/* Its socket, or -1. */
int cdfw_connections_descriptor(const cdfw_connections *connections, uint64_t name);

#endif
