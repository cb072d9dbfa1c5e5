/* SPDX-License-Identifier: Apache-2.0
 * An HTTP request to be sent and what became of it, as plain C structs.
 * Knows nothing of Lua, of CDF or of libcurl. Everything in it is taken for secret. */
#ifndef CDFW_MESSAGE_H
#define CDFW_MESSAGE_H

#include "buffer.h"

typedef struct cdfw_request {
  const char *method;  /* "GET", "POST" or "PUT": a literal, never freed */
  cdfw_buffer url;     /* absolute, percent-encoded, without user information */
  cdfw_buffer headers; /* "Name: value" NUL "Name: value" NUL …; see cdfw_message_next_header */
  cdfw_buffer body;    /* as it goes out */
  cdfw_buffer next;    /* where the request that follows will go; empty: that is not known */
  bool private_url;    /* the URL is itself a permission: only its host may be shown */
  bool has_body;       /* false: no body and no Content-Length (true with length 0: empty body) */
  double timeout;      /* seconds for this attempt, connecting included; > 0 */
  double connect_timeout;   /* seconds for connecting, > 0 */
  size_t max_response_size; /* ceiling for the answer's body after decompression, bytes */
} cdfw_request;

typedef enum cdfw_failure {
  CDFW_FAILURE_NONE,      /* an answer is there */
  CDFW_FAILURE_RESOLVE,   /* name of the server or the proxy not found */
  CDFW_FAILURE_CONNECT,   /* no connection */
  CDFW_FAILURE_TLS,       /* handshake or certificate refused; never tried again */
  CDFW_FAILURE_PROXY,     /* the proxy refused or could not be used */
  CDFW_FAILURE_TIMEOUT,   /* the attempt's time was up */
  CDFW_FAILURE_SEND,      /* the connection broke while the request was going out */
  CDFW_FAILURE_RECEIVE,   /* the connection broke before the whole answer was there */
  CDFW_FAILURE_TOO_LARGE, /* the answer passed max_response_size or the header ceiling */
  CDFW_FAILURE_PROTOCOL,  /* what came back is not HTTP as it should be */
  CDFW_FAILURE_CANCELLED, /* the caller gave the attempt up */
  CDFW_FAILURE_LOCAL      /* this machine could not even try (memory, descriptors) */
} cdfw_failure;

typedef struct cdfw_response {
  cdfw_failure failure;
  bool sent;             /* with a failure: some of the request may have reached the server */
  bool connected;        /* with a failure: a connection was ready for the request */
  int status;            /* of the final answer; 0 with a failure before the status line */
  cdfw_buffer headers;   /* of the final answer, as in the request */
  cdfw_buffer body;      /* undone of Content-Encoding */
  char detail[256];      /* with a failure: the transport's words, with nothing secret in them */
  char proxy[128];       /* with a failure: host and port of the proxy in between; empty: none */
  const char *proxy_by;  /* who names it: "https_proxy", "proxy"; a literal */
  const char *proxy_fix; /* what to do about it, beside looking at who names it; a literal */
  bool proxy_login;      /* its URL has a user */
  bool beyond_proxy;     /* what failed was behind it: it made the way, or said that it could not */
  bool other_proxy;      /* without a proxy, though there is one for http without TLS */
} cdfw_response;

enum { CDFW_MAX_URL = 16 * 1024, CDFW_MAX_HEADERS = 64 * 1024, CDFW_MAX_BODY = 64 * 1024 * 1024 };

void cdfw_request_init(cdfw_request *request);
void cdfw_request_free(cdfw_request *request);
/* Makes it as it was at first (and wipes it), to be filled again. */
void cdfw_request_clear(cdfw_request *request);
/* Makes an empty one like another; false without memory. */
bool cdfw_request_copy(cdfw_request *request, const cdfw_request *from);
void cdfw_response_init(cdfw_response *response, size_t max_body);
void cdfw_response_free(cdfw_response *response);

/* How much of a URL, or of a path, may be shown: no query, and no path of a private URL. */
size_t cdfw_message_shown(const char *url, bool private_url);
/* Adds "name: value"; false when there is no memory or no room. The caller has checked the value.
 */
bool cdfw_message_add_header(cdfw_buffer *headers, const char *name, const char *value);
/* The header line after `line`, or the first for NULL; NULL at the end. */
const char *cdfw_message_next_header(const cdfw_buffer *headers, const char *line);
/* Whether the line is a header of this name, whose length is given too; letter case is ignored. */
bool cdfw_message_is_header(const char *line, const char *name, size_t length);
/* The value of the first header of this name (letter case ignored), or NULL. */
const char *cdfw_message_find_header(const cdfw_buffer *headers, const char *name);
/* Adds those lines of `from` whose names `given` does not have. False as above. */
bool cdfw_message_add_missing(cdfw_buffer *headers, const cdfw_buffer *from,
                              const cdfw_buffer *given);
/* "connect", "tls", …: the failure's name as Lua transports write it. */
const char *cdfw_failure_name(cdfw_failure failure);
cdfw_failure cdfw_failure_from_name(const char *name);

#endif
