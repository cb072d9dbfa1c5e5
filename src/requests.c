/* SPDX-License-Identifier: Apache-2.0
 * The request of each phase; see requests.h. */
#include "requests.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text.h"

static bool add_buffer(cdfw_buffer *out, const cdfw_buffer *added) {
  return cdfw_buffer_add(out, cdfw_buffer_text(added), added->length);
}

/* Scheme, host and port. */
static size_t origin_length(const char *url) {
  const char *scheme_end = strstr(url, "://");
  return scheme_end == NULL ? 0 : (size_t)(scheme_end - url) + 3 + strcspn(scheme_end + 3, "/?");
}

/* While one asks for the token a connection with CDF can be made, unless it is the same one. Only
   one with TLS may be of use then, see flight.c. */
static bool add_next(const cdfw_buffer *token_url, const cdfw_buffer *base_url, cdfw_buffer *next) {
  const char *first = cdfw_buffer_text(token_url), *then = cdfw_buffer_text(base_url);
  size_t length = origin_length(then);
  bool same = origin_length(first) == length && strncasecmp(first, then, length) == 0;
  if (same || strncasecmp(then, "https:", 6) != 0) return true;
  return cdfw_buffer_add(next, then, length);
}

static bool build_token_request(const cdfw_call *call, cdfw_request *request) {
  const cdfw_credentials *credentials = call->client->credentials;
  request->method = "POST";
  request->has_body = true;
  return add_buffer(&request->url, &credentials->token_url) &&
         add_next(&credentials->token_url, &call->client->base_url, &request->next) &&
         cdfw_message_add_header(&request->headers, "Accept", "application/json") &&
         cdfw_message_add_header(&request->headers, "Content-Type",
                                 "application/x-www-form-urlencoded;charset=UTF-8") &&
         cdfw_credentials_add_form(credentials, &call->client->base_url, &request->body);
}

/* The header is put together in place, so that the token is in wiped memory only. */
static bool add_authorization(const cdfw_call *call, cdfw_buffer *headers) {
  return cdfw_buffer_adds(headers, "Authorization: Bearer ") &&
         add_buffer(headers, &call->client->auth.token) && cdfw_buffer_addc(headers, '\0');
}

/* The caller's headers for this request, which take the place of ours. */
const cdfw_buffer *cdfw_requests_given_headers(const cdfw_call *call) {
  static const cdfw_buffer none;
  return call->op.is.phase == CDFW_PHASE_CALL ? &call->headers : &none;
}

static bool add_cdf_headers(const cdfw_call *call, cdfw_buffer *headers) {
  return add_authorization(call, headers) &&
         cdfw_message_add_missing(headers, &call->client->headers,
                                  cdfw_requests_given_headers(call));
}

static bool build_session_request(const cdfw_call *call, cdfw_request *request) {
  request->method = "POST";
  request->has_body = true;
  return cdfw_call_add_project_url(call->client, &request->url) &&
         cdfw_buffer_adds(&request->url, "/sessions") &&
         cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
         add_cdf_headers(call, &request->headers) &&
         add_buffer(&request->body, &call->session_body);
}

/* The nonce becomes the first member of the object that begins before nonce_offset. */
static bool add_body_with_nonce(const cdfw_call *call, cdfw_buffer *body) {
  const char *text = cdfw_buffer_text(&call->body);
  const char *rest = text + call->nonce_offset;
  bool nested = call->nonce_in_authentication;
  cdfw_buffer_add(body, text, call->nonce_offset);
  cdfw_buffer_adds(body, nested ? "\"authentication\":{\"nonce\":" : "\"nonce\":");
  cdfw_text_add_json_string(body, cdfw_buffer_text(&call->nonce), call->nonce.length);
  if (nested) cdfw_buffer_addc(body, '}');
  if (*rest != '}') cdfw_buffer_addc(body, ',');
  return cdfw_buffer_adds(body, rest);
}

static bool build_call_request(const cdfw_call *call, cdfw_request *request) {
  request->method = call->method;
  request->has_body = call->has_body;
  request->private_url = call->op.plan.auth == NULL;
  bool built = add_buffer(&request->url, &call->url) &&
               (call->content_type == NULL ||
                cdfw_message_add_header(&request->headers, "Content-Type", call->content_type)) &&
               add_buffer(&request->headers, &call->headers);
  if (call->op.plan.auth != NULL) built = built && add_cdf_headers(call, &request->headers);
  if (call->nonce.length > 0) return built && add_body_with_nonce(call, &request->body);
  return built && add_buffer(&request->body, &call->body);
}

/* POST /workflows/executions/list, or GET of the execution itself. */
static bool build_look_request(const cdfw_call *call, cdfw_request *request) {
  char since[96];
  bool built = add_buffer(&request->url, &call->look_url) &&
               cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
               add_cdf_headers(call, &request->headers);
  if (call->look_filter.length == 0) return built;
  request->method = "POST";
  request->has_body = true;
  snprintf(since, sizeof since, ",\"createdTimeStart\":%.0f},\"limit\":1000", call->look_start);
  built = built && cdfw_buffer_adds(&request->body, "{\"filter\":{\"workflowFilters\":") &&
          add_buffer(&request->body, &call->look_filter) && cdfw_buffer_adds(&request->body, since);
  if (call->look_cursor.length > 0) {
    cdfw_buffer_adds(&request->body, ",\"cursor\":");
    cdfw_text_add_json_string(&request->body, cdfw_buffer_text(&call->look_cursor),
                              call->look_cursor.length);
  }
  return built && cdfw_buffer_addc(&request->body, '}');
}

static bool build_revoke_request(const cdfw_call *call, cdfw_request *request) {
  char items[64];
  request->method = "POST";
  request->has_body = true;
  snprintf(items, sizeof items, "{\"items\":[{\"id\":%.0f}]}", call->session_id);
  return cdfw_call_add_project_url(call->client, &request->url) &&
         cdfw_buffer_adds(&request->url, "/sessions/revoke") &&
         cdfw_message_add_header(&request->headers, "Content-Type", "application/json") &&
         add_cdf_headers(call, &request->headers) && cdfw_buffer_adds(&request->body, items);
}

bool cdfw_requests_build(const cdfw_call *call, cdfw_request *request) {
  switch (call->op.is.phase) {
    case CDFW_PHASE_TOKEN:
      return build_token_request(call, request);
    case CDFW_PHASE_SESSION:
      return build_session_request(call, request);
    case CDFW_PHASE_LOOK:
      return build_look_request(call, request);
    case CDFW_PHASE_REVOKE:
      return build_revoke_request(call, request);
    default:
      return build_call_request(call, request);
  }
}
