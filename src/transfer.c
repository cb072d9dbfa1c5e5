/* SPDX-License-Identifier: Apache-2.0
 * One request through libcurl; see transfer.h. Options that never change are set once for each easy
 * handle. */
#define _POSIX_C_SOURCE 200809L
#include "transfer.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flight.h"
#include "library.h"
#include "setopt.h"

#if !CURL_AT_LEAST_VERSION(7, 80, 0)
#error \
    "libcurl 7.80 or newer is needed: CURLOPT_PREREQFUNCTION guards against sending a request twice"
#endif

enum {
  UNEXPECTED = 64 * 1024, /* bytes of a body that libcurl surely sends without asking first */
  EXTRA_LINES = 3,        /* see load_headers */
  KEPT_BODY = 16384       /* bytes of memory that a transfer at rest keeps for bodies to come */
};

/* {==== Setting up ==== */

/* The guard against sending a request twice is in flight.c. */
static bool set_constants(cdfw_transfer *transfer) {
  return CDFW_NEED(transfer, CURLOPT_NOSIGNAL, 1L) &&
         CDFW_NEED(transfer, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
         CDFW_NEED(transfer, CURLOPT_SSL_VERIFYPEER, 1L) &&
         CDFW_NEED(transfer, CURLOPT_SSL_VERIFYHOST, 2L) &&
         CDFW_NEED(transfer, CURLOPT_FOLLOWLOCATION, 0L) &&
         CDFW_NEED(transfer, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
         CDFW_NEED(transfer, CURLOPT_PATH_AS_IS, 1L) &&
         CDFW_NEED(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
         CDFW_NEED(transfer, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) &&
         CDFW_NEED(transfer, CURLOPT_ACCEPT_ENCODING, "") &&
         CDFW_NEED(transfer, CURLOPT_MAXAGE_CONN, (long)CDFW_CONNECTION_AGE);
}

/* What only costs time where it is not to be had. */
static void set_comforts(CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  /* The least there is: each transfer that waits has one, and it is wiped each time. */
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
  /* Likewise, and most answers are smaller still. */
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
#if CURL_AT_LEAST_VERSION(7, 87, 0)
  /* A slow name server must not hold up a timeout. */
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* By its newer name where both the headers and the library know it. */
static bool set_protocols(cdfw_transfer *transfer) {
#if CURL_AT_LEAST_VERSION(7, 85, 0)
  if (curl_easy_setopt(transfer->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK)
    return true;
#endif
  const CURLoption older = (CURLoption)(CURLOPTTYPE_LONG + 181); /* CURLOPT_PROTOCOLS */
  long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  return cdfw_setopt_took(transfer, "CURLOPT_PROTOCOLS",
                          (curl_easy_setopt)(transfer->easy, older, both));
}

/* One file, no directory: with a directory libcurl reads all certificates anew for every
   connection, without one it keeps them. */
static bool set_trust(cdfw_transfer *transfer, const cdfw_buffer *ca_file) {
  CURL *easy = transfer->easy;
  char *bundle = NULL;
  if (ca_file->length > 0 && !CDFW_NEED(transfer, CURLOPT_CAINFO, cdfw_buffer_text(ca_file)))
    return false;
  if (ca_file->length > 0)
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, cdfw_buffer_text(ca_file)); /* of an https proxy */
#if CURL_AT_LEAST_VERSION(7, 84, 0)
  curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
#endif
  if (ca_file->length == 0 && bundle == NULL) return true;
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  transfer->trust->path = ca_file->length > 0 ? cdfw_buffer_text(ca_file) : bundle;
  return true;
}

static bool set_proxy(cdfw_transfer *transfer, const cdfw_settings *settings) {
  return !settings->has_proxy ||
         CDFW_NEED(transfer, CURLOPT_PROXY, cdfw_buffer_text(&settings->proxy));
}

/* HTTP/2 is only offered in the TLS handshake. Only there can waiting for the first connection pay,
   because it may carry the others too; without TLS libcurl would wait for a whole answer. Without
   TLS the server is on this machine, and no proxy is to see what it is told. */
static bool set_scheme(cdfw_transfer *transfer, bool tls) {
  transfer->tls = tls;
  if (tls) cdfw_trust_offer(transfer);
  curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION,
                   tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
  return CDFW_NEED(transfer, CURLOPT_NOPROXY, tls ? NULL : "*");
}

/* What an easy handle is told of the transfer that it is in. */
static bool attach(cdfw_transfer *transfer) {
  curl_easy_setopt(transfer->easy, CURLOPT_SSL_CTX_DATA, transfer);
  return CDFW_NEED(transfer, CURLOPT_PRIVATE, transfer) &&
         CDFW_NEED(transfer, CURLOPT_ERRORBUFFER, transfer->words) && cdfw_flight_attach(transfer);
}

static bool prepare(cdfw_transfer *transfer, const cdfw_settings *settings) {
  set_comforts(transfer->easy);
  return set_constants(transfer) && set_protocols(transfer) && set_proxy(transfer, settings) &&
         set_trust(transfer, &settings->ca_file) && set_scheme(transfer, false) &&
         cdfw_flight_prepare(transfer) && attach(transfer);
}

cdfw_transfer *cdfw_transfer_new(const cdfw_settings *settings, cdfw_trust *trust,
                                 cdfw_driver *driver, cdfw_connections *connections) {
  cdfw_transfer *transfer = calloc(1, sizeof *transfer);
  if (transfer == NULL) return NULL;
  cdfw_buffer_init(&transfer->headers, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&transfer->body, CDFW_MAX_BODY, true);
  cdfw_response_init(&transfer->answer, CDFW_MAX_BODY);
  cdfw_request_init(&transfer->held);
  transfer->settings = settings;
  transfer->trust = trust;
  transfer->driver = driver;
  transfer->connections = connections;
  return transfer;
}

bool cdfw_transfer_equip(cdfw_transfer *transfer) {
  transfer->easy = curl_easy_init();
  if (transfer->easy == NULL) return false;
  if (prepare(transfer, transfer->settings) || transfer->flaw != NULL) return true;
  curl_easy_cleanup(transfer->easy);
  transfer->easy = NULL;
  return false;
}

void cdfw_transfer_take_over(cdfw_transfer *transfer, cdfw_transfer *from) {
  transfer->easy = from->easy;
  transfer->tls = from->tls;
  transfer->listens = from->listens;
  from->easy = NULL;
  (void)attach(transfer); /* or there is a flaw, which loading will tell */
}

void cdfw_transfer_free(cdfw_transfer *transfer) {
  curl_easy_cleanup(transfer->easy);
  cdfw_buffer_free(&transfer->headers);
  cdfw_buffer_free(&transfer->body);
  cdfw_response_free(&transfer->answer);
  cdfw_request_free(&transfer->held);
  free(transfer->lines);
  free(transfer);
}

/* }==== */

/* {==== Loading a request ==== */

static bool reserve_lines(cdfw_transfer *transfer, const cdfw_buffer *headers) {
  size_t needed = EXTRA_LINES;
  for (const char *end = headers->data, *past = end + headers->length;
       (end = memchr(end, '\0', (size_t)(past - end))) != NULL; end++)
    needed++;
  if (needed <= transfer->line_room) return true;
  struct curl_slist *lines = realloc(transfer->lines, needed * sizeof *lines);
  if (lines == NULL) return false;
  transfer->lines = lines;
  transfer->line_room = needed;
  return true;
}

/* Lays libcurl's list over the copy of the header lines instead of letting it copy each. A name
   without a value takes out what libcurl would add by itself. */
static bool load_headers(cdfw_transfer *transfer, const cdfw_request *request) {
  static char no_expect[] = "Expect:", no_content_type[] = "Content-Type:";
  static const char type[] = "Content-Type", encoding[] = "Accept-Encoding";
  char *encodings = cdfw_library_encodings();
  cdfw_buffer *headers = &transfer->headers;
  size_t count = 0;
  if (!cdfw_buffer_add(headers, request->headers.data, request->headers.length) ||
      !reserve_lines(transfer, headers))
    return false;
  bool typed = false, encoded = encodings == NULL;
  for (char *line = headers->data; line < headers->data + headers->length;
       line += strlen(line) + 1) {
    transfer->lines[count++].data = line;
    typed = typed || cdfw_message_is_header(line, type, sizeof type - 1);
    encoded = encoded || cdfw_message_is_header(line, encoding, sizeof encoding - 1);
  }
  if (request->body.length > UNEXPECTED) transfer->lines[count++].data = no_expect;
  if (!typed) transfer->lines[count++].data = no_content_type;
  if (!encoded) transfer->lines[count++].data = encodings;
  for (size_t i = 0; i < count; i++)
    transfer->lines[i].next = i + 1 < count ? &transfer->lines[i + 1] : NULL;
  return CDFW_NEED(transfer, CURLOPT_HTTPHEADER, transfer->lines);
}

static bool load_body(cdfw_transfer *transfer, const cdfw_request *request) {
  if (!request->has_body) return CDFW_NEED(transfer, CURLOPT_HTTPGET, 1L);
  return cdfw_buffer_add(&transfer->body, request->body.data, request->body.length) &&
         CDFW_NEED(transfer, CURLOPT_POST, 1L) &&
         CDFW_NEED(transfer, CURLOPT_POSTFIELDS, cdfw_buffer_text(&transfer->body)) &&
         CDFW_NEED(transfer, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.length);
}

static long milliseconds(double seconds) {
  double rounded = seconds * 1e3 + 0.999;
  if (!(rounded >= 1)) return 1; /* 0 would mean for ever */
  return rounded < 2147483647.0 ? (long)rounded : 2147483647L;
}

static bool load_times(cdfw_transfer *transfer, const cdfw_request *request) {
  return CDFW_NEED(transfer, CURLOPT_TIMEOUT_MS, milliseconds(request->timeout)) &&
         CDFW_NEED(transfer, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request->connect_timeout));
}

bool cdfw_transfer_is_tls(const cdfw_request *request) {
  return strncasecmp(cdfw_buffer_text(&request->url), "https:", 6) == 0;
}

static bool load_target(cdfw_transfer *transfer, const cdfw_request *request) {
  const char *usual = request->has_body ? "POST" : "GET"; /* by what load_body sets */
  const char *method = strcmp(request->method, usual) != 0 ? request->method : NULL;
  bool tls = cdfw_transfer_is_tls(request);
  return (tls == transfer->tls || set_scheme(transfer, tls)) &&
         CDFW_NEED(transfer, CURLOPT_CUSTOMREQUEST, method) &&
         CDFW_NEED(transfer, CURLOPT_URL, cdfw_buffer_text(&request->url));
}

void cdfw_transfer_answer_in(cdfw_transfer *transfer, cdfw_response *response, size_t most) {
  transfer->response = response != NULL ? response : &transfer->answer;
  if (response == NULL) transfer->answer.body.ceiling = most;
}

bool cdfw_transfer_hold(cdfw_transfer *transfer, const cdfw_request *request) {
  memset(&transfer->flight, 0, sizeof transfer->flight);
  return cdfw_request_copy(&transfer->held, request);
}

bool cdfw_transfer_load(cdfw_transfer *transfer, const cdfw_request *request) {
  transfer->repeatable = strcmp(request->method, "GET") == 0;
  if (transfer->flaw != NULL) return false;
  if (!load_times(transfer, request) || !load_headers(transfer, request) ||
      !load_body(transfer, request) || !load_target(transfer, request))
    return false;
  cdfw_flight_begin(transfer);
  return true;
}

void cdfw_transfer_renew(cdfw_transfer *transfer, double seconds) {
  cdfw_flight_begin(transfer);
  cdfw_trust_withdraw(transfer);
  transfer->spent = true; /* a handle that asks for connections of its own is not kept */
  curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, milliseconds(seconds));
}

static void clear_body(cdfw_buffer *body) {
  cdfw_buffer_clear(body);
  if (body->capacity > KEPT_BODY) cdfw_buffer_free(body);
}

/* All of it but the memory of its buffers. */
static void forget_answer(cdfw_response *answer) {
  cdfw_buffer_clear(&answer->headers);
  clear_body(&answer->body);
  cdfw_buffer headers = answer->headers, body = answer->body;
  memset(answer, 0, sizeof *answer);
  answer->headers = headers;
  answer->body = body;
}

void cdfw_transfer_rest(cdfw_transfer *transfer) {
  if (transfer->easy != NULL) {
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, NULL);
  }
  if (transfer->held.url.length > 0) cdfw_request_free(&transfer->held);
  cdfw_buffer_clear(&transfer->headers);
  clear_body(&transfer->body);
  if (transfer->response == &transfer->answer) forget_answer(&transfer->answer);
  transfer->response = NULL;
  transfer->connects_only = false;
}

/* }==== */
