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

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value != NULL && *value != '\0';
}

/* The URL of the proxy that there is, if no exception is made; NULL: none. */
static const char *find_url(const cdfw_settings *settings, const char **by) {
  *by = "proxy";
  if (settings->has_proxy)
    return settings->proxy.length > 0 ? cdfw_buffer_text(&settings->proxy) : NULL;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    *by = variables[i];
    if (is_set(variables[i])) return getenv(variables[i]);
  }
  return NULL;
}

/* What stands behind the scheme. */
static const char *authority_of(const char *url) {
  const char *scheme_end = strstr(url, "://");
  return scheme_end != NULL ? scheme_end + 3 : url;
}

/* The host and the port of a proxy's URL, without user and password: whatever stands before an @,
   even where the password has a sign in it that ends what libcurl takes for the host. */
static int split(const char *url, const char **host, size_t *length) {
  bool tls = strncasecmp(url, "https:", 6) == 0;
  const char *at = strrchr(url, '@');
  const char *from = at != NULL ? at + 1 : authority_of(url);
  const char *end = from + strcspn(from, "/?#");
  const char *bracket = *from == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL;
  const char *rest = bracket != NULL ? bracket : from;
  const char *colon = memchr(rest, ':', (size_t)(end - rest));
  *host = from;
  *length = (size_t)((colon != NULL ? colon : end) - from);
  return colon != NULL ? atoi(colon + 1) : tls ? TLS_PORT : PORT;
}

/* Whether there is an @ that libcurl does not take for the end of user and password. */
static bool is_muddled(const char *url) {
  const char *from = authority_of(url), *at = strrchr(url, '@');
  return at != NULL && from + strcspn(from, "@/?#") != at;
}

/* Whether the proxy made a tunnel to the server, or says that the server is out of its reach. */
static bool made_way(const cdfw_transfer *transfer) {
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return transfer->flight.begun || (status >= 200 && status < 300) || status >= 500;
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

/* What libcurl then takes for host and port is a part of the password, so its words are not shown.
 */
static bool was_misread(const cdfw_transfer *transfer, const char *url) {
  cdfw_failure failure = transfer->response->failure;
  if (!is_muddled(url) || transfer->flight.begun) return false;
  return failure == CDFW_FAILURE_CONNECT || failure == CDFW_FAILURE_TIMEOUT ||
         failure == CDFW_FAILURE_LOCAL;
}

static const char *fix_of(const char *url) {
  if (is_muddled(url))
    return ": signs other than letters and digits in its user or password must be percent-encoded";
  if (is_set("no_proxy") || is_set("NO_PROXY"))
    return ", or NO_PROXY, which does not except the host (names without scheme, port or *)";
  return ", or except the host by NO_PROXY";
}

void cdfw_proxy_note(const cdfw_transfer *transfer, bool nameless) {
  cdfw_response *response = transfer->response;
  const char *by, *host;
  size_t length;
  const char *url = transfer->tls ? find_url(transfer->settings, &by) : NULL;
  if (url == NULL) {
    response->other_proxy = transfer->tls && !transfer->settings->has_proxy &&
                            (is_set("http_proxy") || is_set("HTTP_PROXY"));
    return;
  }
  int port = split(url, &host, &length);
  bool misread = was_misread(transfer, url);
  if (!nameless && !misread && !went_by(transfer, port)) return;
  if (misread || (nameless && is_muddled(url)))
    snprintf(response->detail, sizeof response->detail, "there is an @ too many in its URL");
  response->proxy_by = by;
  response->proxy_login = strchr(url, '@') != NULL;
  response->proxy_fix = fix_of(url);
  response->beyond_proxy = made_way(transfer);
  snprintf(response->proxy, sizeof response->proxy, "%.*s:%d", (int)(length < 100 ? length : 100),
           host, port);
}
