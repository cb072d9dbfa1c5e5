/* SPDX-License-Identifier: Apache-2.0
 * Texts on their way into a URL, a form or a header: encoding and checks.
 * Knows nothing of Lua, of HTTP exchanges or of which value comes from where. */
#ifndef CDFW_TEXT_H
#define CDFW_TEXT_H

#include "buffer.h"

enum {
  CDFW_IDENTIFIER_MAX = 255 /* characters of a workflow's external id or a version (CDF.md 4) */
};

bool cdfw_text_is_utf8(const char *text, size_t length);
/* Code points of valid UTF-8. */
size_t cdfw_text_characters(const char *text, size_t length);

/* Percent-encodes so that the text stays one path segment: only letters, digits and -._~ stay. */
bool cdfw_text_add_segment(cdfw_buffer *out, const char *text, size_t length);
/* The same for a form or query value, where a space becomes +. */
bool cdfw_text_add_form(cdfw_buffer *out, const char *text, size_t length);

/* Adds a JSON string with its quotes. The text is valid UTF-8. */
bool cdfw_text_add_json_string(cdfw_buffer *out, const char *text, size_t length);

/* The checks answer NULL when all is well, otherwise what is wrong, to follow the field's name:
   "is longer than 255 characters". */
const char *cdfw_text_identifier_problem(const char *text, size_t length);
/* A header's value: visible ASCII with inner spaces. */
const char *cdfw_text_header_problem(const char *text, size_t length);
/* A bearer token (RFC 6750): visible ASCII without spaces. */
const char *cdfw_text_token_problem(const char *text, size_t length);
/* https, or http to loopback; no user information, no fragment, nothing that needs escaping. */
const char *cdfw_text_url_problem(const char *url, size_t length);

#endif
