/* SPDX-License-Identifier: Apache-2.0
 * One request through libcurl; see transfer.h. Options that never change are set once for each easy
 * handle. No Lua in the callbacks: they append to buffers with a ceiling and return. */
#define _POSIX_C_SOURCE 200809L
#include "transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#if !CURL_AT_LEAST_VERSION(7, 80, 0)
#error \
    "libcurl 7.80 or newer is needed: CURLOPT_PREREQFUNCTION guards against sending a request twice"
#endif

enum {
  CONNECTION_AGE = 30, /* s a connection may idle and be used again; less than servers allow */
  EXTRA_LINES = 2,     /* see load_headers */
  KEPT_BODY = 16384    /* bytes of memory that a transfer at rest keeps for bodies to come */
};

/* {==== Callbacks ==== */

/* Takes "HTTP/1.1 200 OK"; libcurl has seen to it that the status is a number. */
static bool begin_answer(cdfw_transfer *transfer, const char *line, size_t length) {
  const char *space = memchr(line, ' ', length);
  int status = 0;
  for (const char *c = space != NULL ? space + 1 : line + length; c < line + length; c++) {
    if (*c < '0' || *c > '9' || status > 99) break;
    status = status * 10 + (*c - '0');
  }
  cdfw_buffer_clear(&transfer->response->headers);
  transfer->response->status = status;
  transfer->head = CDFW_HEAD_FIELDS;
  return true;
}

static bool add_field(cdfw_transfer *transfer, const char *line, size_t length) {
  cdfw_buffer *headers = &transfer->response->headers;
  /* Continuation lines are obsolete, and nothing that matters here was ever folded. */
  if (*line == ' ' || *line == '\t') return true;
  return cdfw_buffer_add(headers, line, length) && cdfw_buffer_addc(headers, '\0');
}

/* Only the final answer's headers stay: an interim answer (1xx) is followed by another one. */
static size_t on_header(char *line, size_t size, size_t count, void *user) {
  cdfw_transfer *transfer = user;
  size_t given = size * count, length = given;
  bool well = true;
  while (length > 0 && strchr("\r\n\t ", line[length - 1]) != NULL)
    length--;
  if (transfer->head == CDFW_HEAD_STATUS)
    well = begin_answer(transfer, line, length);
  else if (transfer->head == CDFW_HEAD_FIELDS && length > 0)
    well = add_field(transfer, line, length);
  else if (transfer->head == CDFW_HEAD_FIELDS)
    transfer->head = transfer->response->status < 200 ? CDFW_HEAD_STATUS : CDFW_HEAD_DONE;
  return well ? given : 0;
}

/* Counts what comes out of the decompression, so that a small answer cannot grow without bounds. */
static size_t on_body(char *data, size_t size, size_t count, void *user) {
  cdfw_transfer *transfer = user;
  return cdfw_buffer_add(&transfer->response->body, data, size * count) ? size * count : 0;
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
  (void)purpose;
  cdfw_transfer *transfer = user;
  int descriptor = cdfw_driver_socket(transfer->driver, to->family, to->socktype, to->protocol);
  if (descriptor >= 0) return descriptor;
  if (errno != EAFNOSUPPORT) transfer->socket_errno = errno; /* without IPv6, IPv4 is tried */
  return CURL_SOCKET_BAD;
}

static int on_close_socket(void *user, curl_socket_t descriptor) {
  return cdfw_driver_release(user, descriptor);
}

/* Whether any byte of a request has gone out, a proxy's CONNECT included. */
static bool bytes_went_out(const cdfw_transfer *transfer) {
  long bytes = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

/* Called when a connection is ready for the request. A second time means that a kept connection
   broke and libcurl wants to send the request again, which it does by itself and in silence. */
static int on_begin(void *user, char *to, char *from, int to_port, int from_port) {
  (void)to, (void)from, (void)to_port, (void)from_port;
  cdfw_transfer *transfer = user;
  transfer->withheld = transfer->begun && !transfer->repeatable && bytes_went_out(transfer);
  transfer->begun = true;
  return transfer->withheld ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* }==== */

/* {==== Setting up ==== */

static const struct {
  CURLoption option;
  long value;
} constant_options[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_PATH_AS_IS, 1},
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},
    {CURLOPT_TCP_NODELAY, 1},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_MAXAGE_CONN, CONNECTION_AGE},
#if CURL_AT_LEAST_VERSION(7, 87, 0)
    /* A slow name server must not hold up a timeout. */
    {CURLOPT_QUICK_EXIT, 1},
#endif
#if !CURL_AT_LEAST_VERSION(7, 85, 0)
    {CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS},
#endif
};

static void set_constants(CURL *easy) {
  for (size_t i = 0; i < sizeof constant_options / sizeof constant_options[0]; i++)
    (curl_easy_setopt)(easy, constant_options[i].option, constant_options[i].value);
}

static void set_callbacks(cdfw_transfer *transfer) {
  CURL *easy = transfer->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
  /* A connection outlives the transfer that opened it. */
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->driver);
}

/* One file, no directory: with a directory libcurl reads all certificates anew for every
   connection, without one it keeps them. */
static bool set_trust(CURL *easy, const cdfw_buffer *ca_file) {
  char *bundle = NULL;
  if (ca_file->length > 0 &&
      curl_easy_setopt(easy, CURLOPT_CAINFO, cdfw_buffer_text(ca_file)) != CURLE_OK)
    return false;
#if CURL_AT_LEAST_VERSION(7, 84, 0)
  curl_easy_getinfo(easy, CURLINFO_CAINFO, &bundle);
#endif
  if (ca_file->length > 0 || bundle != NULL) curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  return true;
}

static bool set_texts(CURL *easy, const cdfw_settings *settings) {
#if CURL_AT_LEAST_VERSION(7, 85, 0)
  if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK) return false;
#endif
  if (settings->has_proxy &&
      curl_easy_setopt(easy, CURLOPT_PROXY, cdfw_buffer_text(&settings->proxy)) != CURLE_OK)
    return false;
  return curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
         set_trust(easy, &settings->ca_file);
}

cdfw_transfer *cdfw_transfer_new(const cdfw_settings *settings, cdfw_driver *driver) {
  cdfw_transfer *transfer = calloc(1, sizeof *transfer);
  if (transfer == NULL) return NULL;
  cdfw_buffer_init(&transfer->headers, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&transfer->body, CDFW_MAX_BODY, true);
  transfer->driver = driver;
  transfer->easy = curl_easy_init();
  if (transfer->easy == NULL || !set_texts(transfer->easy, settings)) {
    cdfw_transfer_free(transfer);
    return NULL;
  }
  set_constants(transfer->easy);
  set_callbacks(transfer);
  return transfer;
}

void cdfw_transfer_free(cdfw_transfer *transfer) {
  curl_easy_cleanup(transfer->easy);
  cdfw_buffer_free(&transfer->headers);
  cdfw_buffer_free(&transfer->body);
  free(transfer->lines);
  free(transfer);
}

/* }==== */

/* {==== Loading a request ==== */

static bool reserve_lines(cdfw_transfer *transfer, const cdfw_buffer *headers) {
  size_t needed = EXTRA_LINES;
  for (const char *line = NULL; (line = cdfw_message_next_header(headers, line)) != NULL;)
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
  cdfw_buffer *headers = &transfer->headers;
  size_t count = 0;
  if (!cdfw_buffer_add(headers, request->headers.data, request->headers.length) ||
      !reserve_lines(transfer, headers))
    return false;
  bool typed = cdfw_message_find_header(headers, "Content-Type") != NULL;
  for (char *line = headers->data; line < headers->data + headers->length;) {
    size_t length = strlen(line);
    transfer->lines[count++].data = line;
    line += length + 1;
  }
  transfer->lines[count++].data = no_expect;
  if (!typed) transfer->lines[count++].data = no_content_type;
  for (size_t i = 0; i < count; i++)
    transfer->lines[i].next = i + 1 < count ? &transfer->lines[i + 1] : NULL;
  return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->lines) == CURLE_OK;
}

static bool load_body(cdfw_transfer *transfer, const cdfw_request *request) {
  CURL *easy = transfer->easy;
  if (!request->has_body) return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
  if (!cdfw_buffer_add(&transfer->body, request->body.data, request->body.length)) return false;
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, cdfw_buffer_text(&transfer->body));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.length);
  return true;
}

static long milliseconds(double seconds) {
  double rounded = seconds * 1e3 + 0.999;
  if (!(rounded >= 1)) return 1; /* 0 would mean for ever */
  return rounded < 2147483647.0 ? (long)rounded : 2147483647L;
}

static void load_times(CURL *easy, const cdfw_request *request) {
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request->timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request->connect_timeout));
}

/* HTTP/2 is only offered in the TLS handshake. Only there can waiting for the first connection pay,
   because it may carry the others too; without TLS libcurl would wait for a whole answer. */
static void load_version(CURL *easy, const char *url) {
  bool tls = strncasecmp(url, "https:", 6) == 0;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
}

bool cdfw_transfer_load(cdfw_transfer *transfer, const cdfw_request *request,
                        cdfw_response *response) {
  const char *url = cdfw_buffer_text(&request->url);
  transfer->response = response;
  transfer->head = CDFW_HEAD_STATUS;
  transfer->repeatable = strcmp(request->method, "GET") == 0;
  transfer->begun = transfer->withheld = false;
  transfer->socket_errno = 0;
  transfer->words[0] = '\0';
  load_times(transfer->easy, request);
  load_version(transfer->easy, url);
  return load_headers(transfer, request) && load_body(transfer, request) &&
         curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
         curl_easy_setopt(transfer->easy, CURLOPT_URL, url) == CURLE_OK;
}

void cdfw_transfer_rest(cdfw_transfer *transfer) {
  if (transfer->easy != NULL) {
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_URL, NULL);
  }
  cdfw_buffer_clear(&transfer->headers);
  cdfw_buffer_clear(&transfer->body);
  if (transfer->body.capacity > KEPT_BODY) cdfw_buffer_free(&transfer->body);
  transfer->response = NULL;
}

/* }==== */

/* {==== Outcome ==== */

/* A handshake that merely broke off may go well the next time; a refused one never will. libcurl
   has one code for both, but words of the operating system's or of the TLS library's end of input.
 */
static bool handshake_broke_off(const char *words) {
  static const char *const signs[] = {"SSL_ERROR_SYSCALL", "unexpected eof", "reset by peer",
                                      "Broken pipe"};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (strstr(words, signs[i]) != NULL) return true;
  return false;
}

static cdfw_failure write_failure(const cdfw_response *response) {
  if (response->headers.state == CDFW_BUFFER_NO_MEMORY ||
      response->body.state == CDFW_BUFFER_NO_MEMORY)
    return CDFW_FAILURE_LOCAL;
  return CDFW_FAILURE_TOO_LARGE;
}

/* The proxy's own word on a tunnel, or on a request that it should have passed on. */
static bool proxy_refused(const cdfw_transfer *transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return (!transfer->begun && status >= 300) || transfer->response->status == 407;
}

static cdfw_failure failure_of(const cdfw_transfer *transfer, CURLcode code) {
  switch (code) {
    case CURLE_OK: /* libcurl is content with half a head when the connection ends there */
      return transfer->head == CDFW_HEAD_DONE ? CDFW_FAILURE_NONE : CDFW_FAILURE_RECEIVE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return CDFW_FAILURE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
      return CDFW_FAILURE_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
      return handshake_broke_off(transfer->words) ? CDFW_FAILURE_CONNECT : CDFW_FAILURE_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return CDFW_FAILURE_TLS;
    case CURLE_PROXY:
      return CDFW_FAILURE_PROXY;
    case CURLE_OPERATION_TIMEDOUT:
      return CDFW_FAILURE_TIMEOUT;
    case CURLE_SEND_ERROR:
      return transfer->begun ? CDFW_FAILURE_SEND : CDFW_FAILURE_CONNECT;
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return transfer->begun ? CDFW_FAILURE_RECEIVE : CDFW_FAILURE_CONNECT;
    case CURLE_WRITE_ERROR:
      return write_failure(transfer->response);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return CDFW_FAILURE_PROTOCOL;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the answer, or of the URL */
      return transfer->begun ? CDFW_FAILURE_PROTOCOL : CDFW_FAILURE_LOCAL;
    case CURLE_OUT_OF_MEMORY: /* also what libcurl says of a header line over 100 KB */
      return transfer->head == CDFW_HEAD_FIELDS ? CDFW_FAILURE_TOO_LARGE : CDFW_FAILURE_LOCAL;
    default:
      return transfer->begun ? CDFW_FAILURE_RECEIVE : CDFW_FAILURE_LOCAL;
  }
}

/* libcurl quotes a proxy's URL, password and all, when it does not like it. */
static bool may_quote_url(const char *words) {
  return strchr(words, '@') != NULL || strstr(words, "://") != NULL;
}

static const char *detail_of(const cdfw_transfer *transfer, CURLcode code) {
  if (transfer->withheld) return "the connection broke, and the request may not be sent twice";
  if (transfer->socket_errno != 0 && !transfer->begun) return strerror(transfer->socket_errno);
  if (transfer->response->status == 407) return "the proxy asks for authentication (407)";
  if (code == CURLE_OK) return "the connection broke within the headers of the answer";
  if (transfer->words[0] != '\0' && !may_quote_url(transfer->words)) return transfer->words;
  return curl_easy_strerror(code);
}

static void tell_too_large(cdfw_response *response) {
  if (response->body.state == CDFW_BUFFER_FULL)
    snprintf(response->detail, sizeof response->detail, "the answer is larger than %lu bytes",
             (unsigned long)response->body.ceiling);
  else
    snprintf(response->detail, sizeof response->detail,
             "the headers of the answer are larger than %d bytes", (int)CDFW_MAX_HEADERS);
}

void cdfw_transfer_fail(cdfw_transfer *transfer, cdfw_failure failure, bool sent,
                        const char *detail) {
  cdfw_response *response = transfer->response;
  response->failure = failure;
  response->sent = sent;
  snprintf(response->detail, sizeof response->detail, "%s", detail);
  /* Names out of a certificate stand in these words too. */
  for (char *c = response->detail; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
}

/* `sent` is false only where the server surely has no part of the request: no connection was ready
   for it, or none of its bytes was taken, or the proxy kept it. */
void cdfw_transfer_conclude(cdfw_transfer *transfer, int outcome) {
  CURLcode code = (CURLcode)outcome;
  if (proxy_refused(transfer)) {
    cdfw_transfer_fail(transfer, CDFW_FAILURE_PROXY, false, detail_of(transfer, code));
    return;
  }
  cdfw_failure failure = failure_of(transfer, code);
  if (failure == CDFW_FAILURE_NONE) return;
  if (transfer->socket_errno != 0 && !transfer->begun) failure = CDFW_FAILURE_LOCAL;
  cdfw_transfer_fail(transfer, failure, transfer->begun && bytes_went_out(transfer),
                     detail_of(transfer, code));
  if (failure == CDFW_FAILURE_TOO_LARGE) tell_too_large(transfer->response);
}

/* }==== */
