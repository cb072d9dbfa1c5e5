/* SPDX-License-Identifier: Apache-2.0
 * Requests, answers and their headers; see message.h. */
#include "message.h"

#include <string.h>
#include <strings.h>

static const char *const failure_names[] = {"none",      "resolve",  "connect",   "tls",
                                            "proxy",     "timeout",  "send",      "receive",
                                            "too_large", "protocol", "cancelled", "local"};

enum { FAILURE_COUNT = sizeof failure_names / sizeof failure_names[0] };

void cdfw_request_init(cdfw_request *request) {
  memset(request, 0, sizeof *request);
  request->method = "GET";
  cdfw_buffer_init(&request->url, CDFW_MAX_URL, true);
  cdfw_buffer_init(&request->headers, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&request->body, CDFW_MAX_BODY, true);
  cdfw_buffer_init(&request->next, CDFW_MAX_URL, false);
}

void cdfw_request_free(cdfw_request *request) {
  cdfw_buffer_free(&request->url);
  cdfw_buffer_free(&request->headers);
  cdfw_buffer_free(&request->body);
  cdfw_buffer_free(&request->next);
}

void cdfw_request_clear(cdfw_request *request) {
  cdfw_buffer_clear(&request->url);
  cdfw_buffer_clear(&request->headers);
  cdfw_buffer_clear(&request->body);
  cdfw_buffer_clear(&request->next);
  request->method = "GET";
  request->private_url = request->has_body = false;
}

bool cdfw_request_copy(cdfw_request *request, const cdfw_request *from) {
  request->method = from->method;
  request->private_url = from->private_url;
  request->has_body = from->has_body;
  request->timeout = from->timeout;
  request->connect_timeout = from->connect_timeout;
  request->max_response_size = from->max_response_size;
  return cdfw_buffer_add(&request->url, from->url.data, from->url.length) &&
         cdfw_buffer_add(&request->headers, from->headers.data, from->headers.length) &&
         cdfw_buffer_add(&request->body, from->body.data, from->body.length) &&
         cdfw_buffer_add(&request->next, from->next.data, from->next.length);
}

void cdfw_response_init(cdfw_response *response, size_t max_body) {
  memset(response, 0, sizeof *response);
  cdfw_buffer_init(&response->headers, CDFW_MAX_HEADERS, true);
  cdfw_buffer_init(&response->body, max_body, true);
}

void cdfw_response_free(cdfw_response *response) {
  cdfw_buffer_free(&response->headers);
  cdfw_buffer_free(&response->body);
}

size_t cdfw_message_shown(const char *url, bool private_url) {
  const char *scheme_end = private_url ? strstr(url, "://") : NULL;
  if (scheme_end == NULL) return strcspn(url, "?");
  return (size_t)(scheme_end - url) + 3 + strcspn(scheme_end + 3, "/?");
}

bool cdfw_message_add_header(cdfw_buffer *headers, const char *name, const char *value) {
  return cdfw_buffer_adds(headers, name) && cdfw_buffer_adds(headers, ": ") &&
         cdfw_buffer_adds(headers, value) && cdfw_buffer_addc(headers, '\0');
}

const char *cdfw_message_next_header(const cdfw_buffer *headers, const char *line) {
  const char *next = line != NULL ? line + strlen(line) + 1 : headers->data;
  return next != NULL && next < headers->data + headers->length ? next : NULL;
}

bool cdfw_message_is_header(const char *line, const char *name, size_t length) {
  return (*line | 0x20) == (*name | 0x20) && /* a quick look at most of them */
         strncasecmp(line, name, length) == 0 && line[length] == ':';
}

const char *cdfw_message_find_header(const cdfw_buffer *headers, const char *name) {
  size_t length = strlen(name);
  const char *line = NULL;
  while ((line = cdfw_message_next_header(headers, line)) != NULL) {
    if (!cdfw_message_is_header(line, name, length)) continue;
    line += length + 1;
    return line + strspn(line, " \t");
  }
  return NULL;
}

bool cdfw_message_add_missing(cdfw_buffer *headers, const cdfw_buffer *from,
                              const cdfw_buffer *given) {
  const char *line = NULL;
  if (given->length == 0) return cdfw_buffer_add(headers, from->data, from->length);
  while ((line = cdfw_message_next_header(from, line)) != NULL) {
    const char *other = NULL;
    size_t length = strcspn(line, ":") + 1;
    while ((other = cdfw_message_next_header(given, other)) != NULL)
      if (strncasecmp(other, line, length) == 0) break;
    if (other == NULL && !cdfw_buffer_add(headers, line, strlen(line) + 1)) return false;
  }
  return true;
}

const char *cdfw_failure_name(cdfw_failure failure) {
  return failure_names[failure];
}

cdfw_failure cdfw_failure_from_name(const char *name) {
  for (int i = 1; i < FAILURE_COUNT; i++)
    if (strcmp(failure_names[i], name) == 0) return (cdfw_failure)i;
  return CDFW_FAILURE_RECEIVE;
}
