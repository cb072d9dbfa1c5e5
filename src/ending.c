/* SPDX-License-Identifier: Apache-2.0
 * From libcurl's result to an answer or a failure; see ending.h. What libcurl has no code for is
 * read from its words, which differ with its version and its TLS library. */
#include "ending.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "flight.h"
#include "proxy.h"

enum { TOO_LARGE = 100 /* CURLE_TOO_LARGE, which headers before 8.6 do not know */ };

/* {==== TLS ==== */

/* A handshake that merely broke off may go well the next time; a refused one never will. libcurl
   has one code for both, but words of the operating system's or of the TLS library's end of input.
 */
static bool handshake_broke_off(const char *words) {
  static const char *const signs[] = {"SSL_ERROR_SYSCALL",
                                      "unexpected eof",
                                      "reset by peer",
                                      "Broken pipe",
                                      "reason(1000)", /* OpenSSL */
                                      "non-properly terminated",
                                      "Close notify", /* GnuTLS */
                                      "nternal error" /* the server's alert 80, in both */};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (strstr(words, signs[i]) != NULL) return true;
  return false;
}

/* The name of the alert that the server sent, or NULL; "tlsv1 alert access denied" to OpenSSL. */
static const char *alert_in(const char *words) {
  const char *alert = strstr(words, " alert ");
  return alert != NULL ? alert + strlen(" alert ") : NULL;
}

/* With TLS 1.3 this is told after the first request, at which the server has not looked. */
static bool wants_client_certificate(const cdfw_transfer *transfer) {
  const char *alert = alert_in(transfer->words);
  return alert != NULL && transfer->response->status == 0 &&
         strncmp(alert, "certificate required", strlen("certificate required")) == 0;
}

/* }==== */

/* {==== Which failure ==== */

static cdfw_failure write_failure(const cdfw_transfer *transfer) {
  const cdfw_response *response = transfer->response;
  if (transfer->flight.malformed) return CDFW_FAILURE_PROTOCOL;
  if (response->headers.state == CDFW_BUFFER_NO_MEMORY ||
      response->body.state == CDFW_BUFFER_NO_MEMORY)
    return CDFW_FAILURE_LOCAL;
  return CDFW_FAILURE_TOO_LARGE;
}

/* What the proxy answered to the wish for a tunnel that was not made; 0: nothing. A request without
   TLS takes no proxy, so what comes to a request is the server's. */
static long proxy_status(const cdfw_transfer *transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return transfer->flight.begun || status < 300 ? 0 : status;
}

/* Some libcurls are content with half a head when the connection ends there, or with half a body
   when an HTTP/2 stream ends there without an error. */
static bool is_whole(const cdfw_transfer *transfer) {
  int status = transfer->response->status;
  curl_off_t promised = -1, got = 0;
  if (transfer->flight.head != CDFW_HEAD_DONE) return false;
  if (status == 204 || status == 304) return true; /* may tell of a body that stays away */
  curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised);
  curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &got);
  return promised < 0 || promised == got;
}

/* The server has surely not looked at the request (RFC 9113 8.7). */
static bool was_refused(const cdfw_transfer *transfer) {
  return transfer->response->status == 0 &&
         (transfer->flight.refused ||
          (transfer->flight.going && transfer->flight.last_stream < transfer->flight.least_stream));
}

static cdfw_failure failure_before(const cdfw_transfer *transfer, CURLcode code) {
  switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return CDFW_FAILURE_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
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
    default:
      return CDFW_FAILURE_LOCAL;
  }
}

static cdfw_failure failure_after(const cdfw_transfer *transfer, CURLcode code) {
  bool answered = transfer->response->status != 0;
  switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
      return CDFW_FAILURE_TIMEOUT;
    case CURLE_SEND_ERROR:
      return answered ? CDFW_FAILURE_RECEIVE : CDFW_FAILURE_SEND;
    case CURLE_WRITE_ERROR:
      return write_failure(transfer);
    case TOO_LARGE:
      return CDFW_FAILURE_TOO_LARGE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return CDFW_FAILURE_PROTOCOL;
    case CURLE_OUT_OF_MEMORY: /* also what libcurl says of a header line over 100 KB */
      return transfer->flight.head == CDFW_HEAD_FIELDS ? CDFW_FAILURE_TOO_LARGE
                                                       : CDFW_FAILURE_LOCAL;
    default:
      return CDFW_FAILURE_RECEIVE;
  }
}

static cdfw_failure failure_of(const cdfw_transfer *transfer, CURLcode code) {
  if (code == CURLE_OK) return is_whole(transfer) ? CDFW_FAILURE_NONE : CDFW_FAILURE_RECEIVE;
  if (transfer->flight.begun && was_refused(transfer)) return CDFW_FAILURE_CONNECT;
  if (transfer->flight.begun && wants_client_certificate(transfer)) return CDFW_FAILURE_TLS;
  if (transfer->flight.begun) return failure_after(transfer, code);
  if (transfer->flight.socket_errno != 0) return CDFW_FAILURE_LOCAL;
  if (proxy_status(transfer) >= 500) return CDFW_FAILURE_CONNECT; /* the server is out of reach */
  if (proxy_status(transfer) != 0) return CDFW_FAILURE_PROXY;
  return failure_before(transfer, code);
}

/* False only where the server surely has no part of the request: no connection was ready for it, or
   none of its bytes was taken, or the proxy kept it, or the server refused it unseen. */
static bool was_sent(const cdfw_transfer *transfer) {
  return transfer->flight.begun && !was_refused(transfer) && !wants_client_certificate(transfer) &&
         cdfw_flight_sent_bytes(transfer);
}

/* }==== */

/* {==== In words ==== */

/* libcurl quotes a proxy's URL, password and all, when it does not like it. */
static bool may_quote_url(const char *words) {
  return strchr(words, '@') != NULL || strstr(words, "://") != NULL;
}

static void tell_too_large(cdfw_response *response) {
  if (response->body.state == CDFW_BUFFER_FULL)
    snprintf(response->detail, sizeof response->detail, "the answer is larger than %lu bytes",
             (unsigned long)response->body.ceiling);
  else
    snprintf(response->detail, sizeof response->detail,
             "the headers of the answer are larger than %d bytes", (int)CDFW_MAX_HEADERS);
}

static void tell_proxy(const cdfw_transfer *transfer, cdfw_response *response) {
  long status = proxy_status(transfer);
  if (status == 407)
    snprintf(response->detail, sizeof response->detail, "it %s user and password (407)",
             response->proxy_login ? "did not take" : "asks for");
  else if (status != 0)
    snprintf(response->detail, sizeof response->detail, "it answered %ld to CONNECT", status);
}

static bool is_no_tls(const char *words) {
  return strstr(words, "wrong version number") != NULL ||
         strstr(words, "unexpected TLS packet") != NULL;
}

static void tell_tls(const cdfw_transfer *transfer, CURLcode code, cdfw_response *response) {
  const char *alert = alert_in(transfer->words);
  if (alert != NULL)
    snprintf(response->detail, sizeof response->detail, "the server sent the TLS alert %.*s",
             (int)strcspn(alert, ","), alert);
  else if (is_no_tls(transfer->words))
    snprintf(response->detail, sizeof response->detail, "what answers there speaks no TLS");
  else if (code == CURLE_SSL_CACERT_BADFILE) /* which file, GnuTLS does not tell */
    snprintf(
        response->detail, sizeof response->detail, "no use of its certificates: %.200s",
        transfer->words[0] != 0 ? transfer->words : cdfw_buffer_text(&transfer->settings->ca_file));
  else if (response->failure == CDFW_FAILURE_CONNECT &&
           strstr(transfer->words, "nternal error") == NULL) /* so GnuTLS calls the alert */
    snprintf(response->detail, sizeof response->detail,
             "the connection ended in the TLS handshake");
}

static const char *words_of(const cdfw_transfer *transfer, CURLcode code) {
  if (was_refused(transfer)) return "the server refused to take the request on this connection";
  if (transfer->flight.malformed) return "a header of the answer has a NUL in it";
  if (transfer->flight.flooded) return "the server sent frames without end that hold no answer";
  if (transfer->flight.withheld)
    return "the connection broke, and the request may not be sent twice";
  if (transfer->flight.socket_errno != 0 && !transfer->flight.begun)
    return strerror(transfer->flight.socket_errno);
  if (code == CURLE_OK) return "the connection broke within the answer";
  if (transfer->words[0] != '\0' && !may_quote_url(transfer->words)) return transfer->words;
  return curl_easy_strerror(code);
}

/* }==== */

void cdfw_ending_fail(cdfw_transfer *transfer, cdfw_failure failure, bool sent,
                      const char *detail) {
  cdfw_response *response = transfer->response;
  response->failure = failure;
  response->sent = sent;
  snprintf(response->detail, sizeof response->detail, "%s", detail);
  /* Names out of a certificate stand in these words too. */
  for (char *c = response->detail; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
}

void cdfw_ending_conclude(cdfw_transfer *transfer, int outcome) {
  CURLcode code = (CURLcode)outcome;
  cdfw_failure failure = failure_of(transfer, code);
  if (failure == CDFW_FAILURE_NONE) return;
  transfer->spent = transfer->spent || transfer->flight.begun;
  cdfw_ending_fail(transfer, failure, was_sent(transfer), words_of(transfer, code));
  transfer->response->connected = transfer->flight.begun;
  cdfw_proxy_note(transfer, code == CURLE_COULDNT_RESOLVE_PROXY);
  if (failure == CDFW_FAILURE_TOO_LARGE) tell_too_large(transfer->response);
  tell_proxy(transfer, transfer->response);
  if (failure == CDFW_FAILURE_TLS || code == CURLE_SSL_CONNECT_ERROR)
    tell_tls(transfer, code, transfer->response);
}
