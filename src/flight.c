/* SPDX-License-Identifier: Apache-2.0
 * The callbacks; see flight.h. They append to buffers with a ceiling and return. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "flight.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "setopt.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

enum { IDLE_RECORDS_MAX = 2000 /* TLS records in a row, in one turn, that bring nothing */ };

/* {==== The answer ==== */

/* Takes "HTTP/1.1 200 OK"; libcurl has seen to it that the status is a number. */
static bool begin_answer(cdfw_transfer *transfer, const char *line, size_t length) {
  const char *space = memchr(line, ' ', length);
  int status = 0;
  for (const char *c = space != NULL ? space + 1 : line + length; c < line + length; c++) {
    if (*c < '0' || *c > '9' || status > 99) break;
    status = status * 10 + (*c - '0');
  }
  if (transfer->response->status == 0)
    cdfw_connections_answered(transfer->connections, transfer->flight.connection);
  cdfw_buffer_clear(&transfer->response->headers);
  transfer->response->status = status;
  transfer->flight.head = CDFW_HEAD_FIELDS;
  return true;
}

static bool add_field(cdfw_transfer *transfer, const char *line, size_t length) {
  cdfw_buffer *headers = &transfer->response->headers;
  /* Continuation lines are obsolete, and nothing that matters here was ever folded. */
  if (*line == ' ' || *line == '\t') return true;
  return cdfw_buffer_add(headers, line, length) && cdfw_buffer_addc(headers, '\0');
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

static size_t without_blanks(const char *line, size_t length) {
  while (length > 0 && is_blank(line[length - 1]))
    length--;
  return length;
}

/* Only the final answer's headers stay: an interim answer (1xx) is followed by another one. A line
   without its end is where the connection ended, which libcurl 8.21 passes on like a whole one. */
static size_t on_header(char *line, size_t size, size_t count, void *user) {
  cdfw_transfer *transfer = user;
  size_t given = size * count, length = without_blanks(line, given);
  bool well = true;
  transfer->driver->idle_records = 0;
  if (given == 0 || line[given - 1] != '\n') return given;
  transfer->flight.malformed = memchr(line, '\0', length) != NULL; /* as libcurl 7.80 lets pass */
  if (transfer->flight.malformed) return 0;
  if (transfer->flight.head == CDFW_HEAD_STATUS)
    well = begin_answer(transfer, line, length);
  else if (transfer->flight.head == CDFW_HEAD_FIELDS && length > 0)
    well = add_field(transfer, line, length);
  else if (transfer->flight.head == CDFW_HEAD_FIELDS)
    transfer->flight.head = transfer->response->status < 200 ? CDFW_HEAD_STATUS : CDFW_HEAD_DONE;
  return well ? given : 0;
}

/* Counts what comes out of the decompression, so that a small answer cannot grow without bounds. */
static size_t on_body(char *data, size_t size, size_t count, void *user) {
  cdfw_transfer *transfer = user;
  transfer->driver->idle_records = 0;
  return cdfw_buffer_add(&transfer->response->body, data, size * count) ? size * count : 0;
}

/* }==== */

/* {==== What libcurl says ==== */

static bool begins_with(const char *data, size_t length, const char *words) {
  return length >= strlen(words) && memcmp(data, words, strlen(words)) == 0;
}

/* That an HTTP/2 stream was refused is told by no code of libcurl's, but by its words when it wants
   to send the request again. A server that goes away is told by 7.88 on. Words that are missed
   leave the request in doubt. */
static void hear(cdfw_transfer *transfer, const char *data, size_t length) {
  unsigned long last;
  char words[80];
  if (begins_with(data, length, "REFUSED_STREAM")) transfer->flight.refused = true;
  if (!begins_with(data, length, "received GOAWAY") &&
      !begins_with(data, length, "recveived GOAWAY")) /* so 7.88 */
    return;
  snprintf(words, sizeof words, "%.*s", (int)(length < sizeof words ? length : sizeof words), data);
  if (sscanf(words, "%*s GOAWAY, error=%*u, last_stream=%lu", &last) != 1) return;
  transfer->flight.going = true;
  transfer->flight.last_stream = (uint32_t)last;
}

/* From 7.88 to 8.5 libcurl reads HTTP/2 frames until one brings something, and a server that sends
   empty ones faster than they are read keeps it for ever. With OpenSSL it tells of each record. */
static void count_record(cdfw_transfer *transfer) {
  if (++transfer->driver->idle_records < IDLE_RECORDS_MAX || transfer->flight.flooded) return;
  transfer->flight.flooded = true;
  int descriptor = cdfw_connections_descriptor(transfer->connections, transfer->flight.connection);
  if (descriptor >= 0) shutdown(descriptor, SHUT_RDWR);
}

static int on_words(CURL *easy, curl_infotype type, char *data, size_t length, void *user) {
  (void)easy;
  if (type == CURLINFO_TEXT) hear(user, data, length);
  if (type == CURLINFO_SSL_DATA_IN) count_record(user);
  return 0;
}

/* libcurl speaks while it connects, since only then it asks OpenSSL to tell of records, and again
   once the request is out; not in between, when it would spell out its headers. */
static void listen_to(cdfw_transfer *transfer, bool listens) {
  if (transfer->listens != listens)
    curl_easy_setopt(transfer->easy, CURLOPT_VERBOSE, listens ? 1L : 0L);
  transfer->listens = listens;
}

static int on_progress(void *user, curl_off_t size, curl_off_t got, curl_off_t body,
                       curl_off_t sent) {
  (void)size, (void)got;
  cdfw_transfer *transfer = user;
  if (!transfer->flight.begun || sent < body) return 0;
  listen_to(transfer, true);
  curl_easy_setopt(transfer->easy, CURLOPT_NOPROGRESS, 1L);
  return 0;
}

/* }==== */

/* {==== Sockets ==== */

static int port_of(const struct sockaddr *address) {
  union {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } known;
  bool is_six = address->sa_family == AF_INET6;
  if (!is_six && address->sa_family != AF_INET) return 0;
  memcpy(&known, address, is_six ? sizeof known.six : sizeof known.four);
  return ntohs(is_six ? known.six.sin6_port : known.four.sin_port);
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
  (void)purpose;
  cdfw_transfer *transfer = user;
  int descriptor = cdfw_driver_socket(transfer->driver, to->family, to->socktype, to->protocol);
  listen_to(transfer, transfer->tls);
  transfer->flight.opened[1] = transfer->flight.opened[0];
  transfer->flight.opened[0] = descriptor;
  transfer->flight.to_port = port_of(&to->addr);
  if (descriptor >= 0) return descriptor;
  if (errno != EAFNOSUPPORT)
    transfer->flight.socket_errno = errno; /* without IPv6, IPv4 is tried */
  return CURL_SOCKET_BAD;
}

static int on_close_socket(void *user, curl_socket_t descriptor) {
  return cdfw_driver_release(user, descriptor);
}

static int local_port(int descriptor) {
  union {
    struct sockaddr any;
    struct sockaddr_in6 room;
  } address;
  socklen_t length = sizeof address;
  memset(&address, 0, sizeof address);
  return getsockname(descriptor, &address.any, &length) == 0 ? port_of(&address.any) : -1;
}

static bool is_dead(int descriptor) {
  char byte;
  struct pollfd look = {.fd = descriptor, .events = POLLIN | POLLRDHUP};
  if (poll(&look, 1, 0) <= 0) return false;
  if ((look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return true;
  /* Answers to others by HTTP/2, most likely, where an end would have been told. */
  return POLLRDHUP == 0 && recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* libcurl looks itself before it uses a kept connection again; but 8.5 overlooks that an HTTP/2 one
   was closed, and 8.22 takes one for alive for a second after its last use. */
static bool is_on_dead_connection(const cdfw_transfer *transfer) {
  int descriptor = cdfw_connections_descriptor(transfer->connections, transfer->flight.connection);
  return descriptor >= 0 && is_dead(descriptor);
}

/* }==== */

/* {==== Nothing twice ==== */

bool cdfw_flight_sent_bytes(const cdfw_transfer *transfer) {
  long bytes = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

static bool is_on_new_connection(const cdfw_transfer *transfer) {
  long made = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &made);
  return made > 0;
}

/* Of the sockets that were opened last, IPv6 and IPv4 perhaps, the one with this port; -1: none. */
static int opened_socket(const cdfw_transfer *transfer, int port) {
  for (int i = 0; i < 2; i++)
    if (local_port(transfer->flight.opened[i]) == port) return transfer->flight.opened[i];
  return -1;
}

static void note_connection(cdfw_transfer *transfer, int port) {
  cdfw_connections *connections = transfer->connections;
  uint64_t name = transfer->flight.connection;
  if (is_on_new_connection(transfer))
    cdfw_connections_begin(connections, name, opened_socket(transfer, port));
  transfer->flight.least_stream = cdfw_connections_least_stream(connections, name);
}

/* The connection is what was wanted; where it speaks HTTP/2, libcurl keeps it for those to come. */
static int end_before_request(cdfw_transfer *transfer, int port) {
  if (is_on_new_connection(transfer)) note_connection(transfer, port);
  transfer->spent = true;
  return CURL_PREREQFUNC_ABORT;
}

/* Called when a connection is ready for the request. A second time means that libcurl wants to send
   it again, since a kept connection broke or the server refused the stream. */
static int on_begin(void *user, char *to, char *from, int to_port, int from_port) {
  cdfw_transfer *transfer = user;
  cdfw_flight *flight = &transfer->flight;
  bool again = flight->begun;
  flight->withheld = again && !transfer->repeatable && cdfw_flight_sent_bytes(transfer);
  transfer->spent = transfer->spent || again;
  if (flight->withheld) return CURL_PREREQFUNC_ABORT;
  flight->connection = cdfw_connections_name(to, to_port, from, from_port);
  if (transfer->connects_only) return end_before_request(transfer, from_port);
  flight->stale = !again && !transfer->repeatable && !is_on_new_connection(transfer) &&
                  is_on_dead_connection(transfer);
  if (flight->stale) return CURL_PREREQFUNC_ABORT;
  note_connection(transfer, from_port);
  flight->begun = true;
  listen_to(transfer, false);
  return CURL_PREREQFUNC_OK;
}

/* }==== */

bool cdfw_flight_prepare(cdfw_transfer *transfer) {
  /* A connection outlives the transfer that opened it. */
  return CDFW_NEED(transfer, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) &&
         CDFW_NEED(transfer, CURLOPT_CLOSESOCKETDATA, transfer->driver) &&
         CDFW_NEED(transfer, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) &&
         CDFW_NEED(transfer, CURLOPT_HEADERFUNCTION, on_header) &&
         CDFW_NEED(transfer, CURLOPT_WRITEFUNCTION, on_body) &&
         CDFW_NEED(transfer, CURLOPT_PREREQFUNCTION, on_begin) &&
         CDFW_NEED(transfer, CURLOPT_DEBUGFUNCTION, on_words) &&
         CDFW_NEED(transfer, CURLOPT_XFERINFOFUNCTION, on_progress);
}

bool cdfw_flight_attach(cdfw_transfer *transfer) {
  return CDFW_NEED(transfer, CURLOPT_OPENSOCKETDATA, transfer) &&
         CDFW_NEED(transfer, CURLOPT_HEADERDATA, transfer) &&
         CDFW_NEED(transfer, CURLOPT_WRITEDATA, transfer) &&
         CDFW_NEED(transfer, CURLOPT_PREREQDATA, transfer) &&
         CDFW_NEED(transfer, CURLOPT_DEBUGDATA, transfer) &&
         CDFW_NEED(transfer, CURLOPT_XFERINFODATA, transfer);
}

void cdfw_flight_begin(cdfw_transfer *transfer) {
  transfer->flight = (cdfw_flight){.head = CDFW_HEAD_STATUS, .opened = {-1, -1}};
  transfer->words[0] = '\0';
  listen_to(transfer, false);
  /* Only a connection with TLS may speak HTTP/2, of which there is something to hear. */
  curl_easy_setopt(transfer->easy, CURLOPT_NOPROGRESS, transfer->tls ? 0L : 1L);
  /* Asked for thus, libcurl does not send anything again because a kept connection broke, whatever
     the protocol; so if it wants to, the stream was refused. A libcurl without RTSP asks to. */
  curl_easy_setopt(transfer->easy, CURLOPT_RTSP_REQUEST,
                   transfer->repeatable ? (long)CURL_RTSPREQ_OPTIONS : (long)CURL_RTSPREQ_RECEIVE);
}
