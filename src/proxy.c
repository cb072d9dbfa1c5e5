/* SPDX-License-Identifier: Apache-2.0
 * See proxy.h. Whether NO_PROXY excepts a host is libcurl's to say: what went to the proxy is told
 * by where the sockets went. */
#define _POSIX_C_SOURCE 200809L
#include "proxy.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT = 1080, TLS_PORT = 443 /* of a proxy whose URL has none, to libcurl */ };

/* What libcurl looks at for https, in its order; an empty one counts as none. */
static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

/* The URL of the proxy that there is, if no exception is made; NULL: none. */
static const char *find_url(const cdfw_settings *settings, const char **by) {
  *by = "proxy";
  if (settings->has_proxy)
    return settings->proxy.length > 0 ? cdfw_buffer_text(&settings->proxy) : NULL;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    const char *url = getenv(variables[i]);
    *by = variables[i];
    if (url != NULL && *url != '\0') return url;
  }
  return NULL;
}

/* The host and the port of a proxy's URL, without user and password. */
static int split(const char *url, const char **host, size_t *length) {
  const char *scheme_end = strstr(url, "://");
  bool tls = strncasecmp(url, "https:", 6) == 0;
  const char *from = scheme_end != NULL ? scheme_end + 3 : url;
  const char *end = from + strcspn(from, "/?#");
  for (const char *c = from; c < end; c++)
    if (*c == '@') from = c + 1;
  const char *bracket = *from == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL;
  const char *rest = bracket != NULL ? bracket : from;
  const char *colon = memchr(rest, ':', (size_t)(end - rest));
  *host = from;
  *length = (size_t)((colon != NULL ? colon : end) - from);
  return colon != NULL ? atoi(colon + 1) : tls ? TLS_PORT : PORT;
}

/* Whether the proxy made a tunnel to the server. */
static bool made_way(const cdfw_transfer *transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return transfer->flight.begun || (status >= 200 && status < 300);
}

/* libcurls before 8.7 do not tell. */
static bool surely_went_without(const cdfw_transfer *transfer) {
  const CURLINFO used_proxy = (CURLINFO)(CURLINFO_LONG + 66); /* CURLINFO_USED_PROXY */
  long used = 0;
  return (curl_easy_getinfo)(transfer->easy, used_proxy, &used) == CURLE_OK && used == 0;
}

/* The port that the connection goes to, or went to; 0 or less: none was tried. */
static long peer_port(const cdfw_transfer *transfer) {
  long port = 0;
  if (transfer->flight.to_port != 0) return transfer->flight.to_port;
  curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
  return port;
}

/* A URL that libcurl cannot use for a proxy is told as a connection that failed, without a socket.
 */
static bool went_by(const cdfw_transfer *transfer, int port) {
  cdfw_failure failure = transfer->response->failure;
  long peer = peer_port(transfer);
  if (failure == CDFW_FAILURE_PROXY) return true;
  if (peer <= 0) return failure == CDFW_FAILURE_CONNECT;
  return peer == port && !surely_went_without(transfer);
}

void cdfw_proxy_note(const cdfw_transfer *transfer, bool nameless) {
  cdfw_response *response = transfer->response;
  const char *by, *host;
  size_t length;
  const char *url = transfer->tls ? find_url(transfer->settings, &by) : NULL;
  if (url == NULL) return;
  int port = split(url, &host, &length);
  if (!nameless && !went_by(transfer, port)) return;
  response->proxy_by = by;
  response->beyond_proxy = made_way(transfer);
  snprintf(response->proxy, sizeof response->proxy, "%.*s:%d", (int)(length < 100 ? length : 100),
           host, port);
}
