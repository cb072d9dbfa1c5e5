/* SPDX-License-Identifier: Apache-2.0
 * Redaction by name; see redact.h. Where a text is not what it should be, the doubtful rest is left
 * out rather than shown. */
#include "redact.h"

#include <stdio.h>
#include <string.h>

/* {==== Names ==== */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool is_separator(char c) {
  return c == '_' || c == '-' || c == '.' || c == ' ';
}

/* Letter case and separators do not count: client_secret ends as clientSecret does. */
static bool ends_with(const char *name, size_t length, const char *ending) {
  size_t left = strlen(ending);
  while (left > 0 && length > 0) {
    char c = lower(name[--length]);
    if (is_separator(c)) continue;
    if (c != ending[--left]) return false;
  }
  return left == 0;
}

bool cdfw_redact_is_secret(const char *name, size_t length) {
  static const char *const endings[] = {"secret",     "nonce",      "token",      "password",
                                        "passphrase", "apikey",     "accesskey",  "authorization",
                                        "cookie",     "assertion",  "privatekey", "signature",
                                        "credential", "secretvalue"};
  /* Several are as secret as one. */
  size_t singular = length > 0 && lower(name[length - 1]) == 's' ? length - 1 : length;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    if (ends_with(name, singular, endings[i])) return true;
  return false;
}

/* }==== */

/* {==== Forms ==== */

static void add_form(const char *text, const char *end, cdfw_buffer *out) {
  while (text < end) {
    const char *next = memchr(text, '&', (size_t)(end - text));
    if (next == NULL) next = end;
    const char *equals = memchr(text, '=', (size_t)(next - text));
    if (equals != NULL && cdfw_redact_is_secret(text, (size_t)(equals - text))) {
      cdfw_buffer_add(out, text, (size_t)(equals + 1 - text));
      cdfw_buffer_adds(out, CDFW_REDACTED);
    } else {
      cdfw_buffer_add(out, text, (size_t)(next - text));
    }
    if (next < end) cdfw_buffer_addc(out, *next++);
    text = next;
  }
}

/* }==== */

/* {==== JSON ==== */

static const char *skip_space(const char *at, const char *end) {
  while (at < end && strchr(" \t\r\n", *at) != NULL)
    at++;
  return at;
}

/* From the opening quote to behind the closing one. */
static const char *skip_string(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++)
    if (*at == '\\' && end - at > 1) at++;
  return at < end ? at + 1 : end;
}

/* A value of any kind; an array or object with all that is in it. */
static const char *skip_value(const char *at, const char *end) {
  size_t depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = skip_string(at, end);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && strchr(",]}", *at) != NULL) return at;
    if (*at == '[' || *at == '{') depth++;
    if ((*at == ']' || *at == '}') && --depth == 0) return at + 1;
    at++;
  }
  return at;
}

/* Where the value begins of the member whose name ends at `at`; NULL when no colon follows, so that
   it was no name. */
static const char *find_value(const char *at, const char *end) {
  at = skip_space(at, end);
  return at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

static void add_json(const char *text, const char *end, cdfw_buffer *out) {
  while (text < end) {
    const char *quote = memchr(text, '"', (size_t)(end - text));
    if (quote == NULL) quote = end;
    cdfw_buffer_add(out, text, (size_t)(quote - text));
    if (quote == end) return;
    const char *behind = skip_string(quote, end);
    const char *value = find_value(behind, end);
    bool secret = value != NULL && cdfw_redact_is_secret(quote + 1, (size_t)(behind - quote) - 2);
    text = secret ? value : behind;
    cdfw_buffer_add(out, quote, (size_t)(text - quote));
    if (!secret) continue;
    cdfw_buffer_adds(out, "\"" CDFW_REDACTED "\"");
    text = skip_value(text, end);
  }
}

/* }==== */

static bool add_size(size_t length, cdfw_buffer *out) {
  char size[48];
  snprintf(size, sizeof size, "[%lu bytes]", (unsigned long)length);
  return cdfw_buffer_adds(out, size);
}

bool cdfw_redact_body(const cdfw_request *request, cdfw_buffer *out) {
  const char *type = cdfw_message_find_header(&request->headers, "content-type");
  const char *text = cdfw_buffer_text(&request->body), *end = text + request->body.length;
  if (type != NULL && strstr(type, "json") != NULL)
    add_json(text, end, out);
  else if (type != NULL && strstr(type, "x-www-form-urlencoded") != NULL)
    add_form(text, end, out);
  else
    add_size(request->body.length, out);
  return out->state == CDFW_BUFFER_OK;
}
