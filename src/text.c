/* SPDX-License-Identifier: Apache-2.0
 * Encoding and checks of texts; see text.h. Nothing here asks the C locale. */
#include "text.h"

#include <string.h>

/* {==== UTF-8 ==== */

/* Length of the well-formed character at `s` (RFC 3629: no overlong form, no surrogate), or 0. */
static size_t character_length(const unsigned char *s, size_t left) {
  static const struct {
    unsigned char first, last, second_low, second_high;
    size_t length;
  } forms[] = {
      {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
    if (s[0] < forms[f].first || s[0] > forms[f].last) continue;
    if (forms[f].length > left) return 0;
    if (forms[f].length > 1 && (s[1] < forms[f].second_low || s[1] > forms[f].second_high))
      return 0;
    for (size_t i = 2; i < forms[f].length; i++)
      if ((s[i] & 0xc0) != 0x80) return 0;
    return forms[f].length;
  }
  return 0;
}

bool cdfw_text_is_utf8(const char *text, size_t length) {
  const unsigned char *s = (const unsigned char *)text;
  while (length > 0) {
    size_t step = character_length(s, length);
    if (step == 0) return false;
    s += step;
    length -= step;
  }
  return true;
}

size_t cdfw_text_characters(const char *text, size_t length) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++)
    if (((unsigned char)text[i] & 0xc0) != 0x80) count++;
  return count;
}

/* }==== */

/* {==== Encoding ==== */

static bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool add_percent_encoded(cdfw_buffer *out, const char *text, size_t length, bool form) {
  static const char hex[] = "0123456789ABCDEF";
  for (size_t i = 0, plain; i<length; i += plain> 0 ? plain : 1) {
    unsigned char c = (unsigned char)text[i];
    for (plain = 0; i + plain < length && is_unreserved(text[i + plain]);)
      plain++;
    if (plain > 0) {
      cdfw_buffer_add(out, text + i, plain);
    } else if (form && c == ' ') {
      cdfw_buffer_addc(out, '+');
    } else {
      char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
      cdfw_buffer_add(out, escape, sizeof escape);
    }
  }
  return out->state == CDFW_BUFFER_OK;
}

bool cdfw_text_add_segment(cdfw_buffer *out, const char *text, size_t length) {
  return add_percent_encoded(out, text, length, false);
}

bool cdfw_text_add_form(cdfw_buffer *out, const char *text, size_t length) {
  return add_percent_encoded(out, text, length, true);
}

bool cdfw_text_add_json_string(cdfw_buffer *out, const char *text, size_t length) {
  static const char hex[] = "0123456789abcdef";
  size_t done = 0; /* up to here it is in the buffer */
  cdfw_buffer_addc(out, '"');
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    cdfw_buffer_add(out, text + done, i - done);
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c >= 0x20) escape[1] = text[i];
    cdfw_buffer_add(out, escape, c >= 0x20 ? 2 : sizeof escape);
    done = i + 1;
  }
  cdfw_buffer_add(out, text + done, length - done);
  return cdfw_buffer_addc(out, '"');
}

/* }==== */

/* {==== Checks ==== */

/* Unicode's White_Space characters beyond ASCII, as UTF-8. */
static const char *const wide_spaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

static bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_outer_space(const char *text, size_t length) {
  if (is_ascii_space(text[0]) || is_ascii_space(text[length - 1])) return true;
  if ((((unsigned char)text[0] | (unsigned char)text[length - 1]) & 0x80) == 0) return false;
  for (size_t i = 0; i < sizeof wide_spaces / sizeof wide_spaces[0]; i++) {
    size_t n = strlen(wide_spaces[i]);
    if (n > length) continue;
    if (memcmp(text, wide_spaces[i], n) == 0) return true;
    if (memcmp(text + length - n, wide_spaces[i], n) == 0) return true;
  }
  return false;
}

const char *cdfw_text_identifier_problem(const char *text, size_t length) {
  if (length == 0) return "is empty";
  if (memchr(text, '\0', length) != NULL) return "contains a NUL character";
  if (!cdfw_text_is_utf8(text, length)) return "is not valid UTF-8";
  if (cdfw_text_characters(text, length) > CDFW_IDENTIFIER_MAX)
    return "is longer than 255 characters";
  if (has_outer_space(text, length)) return "begins or ends with white space";
  /* A URL's path takes these two for directions, however they are escaped. */
  if ((length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.'))
    return "is '.' or '..', which cannot stand in a URL's path";
  return NULL;
}

static bool is_visible(char c) {
  return c > ' ' && c < 0x7f;
}

const char *cdfw_text_header_problem(const char *text, size_t length) {
  if (length == 0) return "is empty";
  for (size_t i = 0; i < length; i++)
    if (!is_visible(text[i]) && text[i] != ' ')
      return "contains a character that cannot stand in a header (printable ASCII only)";
  if (text[0] == ' ' || text[length - 1] == ' ') return "begins or ends with a space";
  return NULL;
}

const char *cdfw_text_token_problem(const char *text, size_t length) {
  if (length == 0) return "is empty";
  for (size_t i = 0; i < length; i++)
    if (!is_visible(text[i])) return "contains a character that cannot stand in a bearer token";
  return NULL;
}

/* Exactly "127." and three numbers: a name such as 127.0.0.1.example.com is no loopback. */
static bool is_loopback_ipv4(const char *host, size_t length) {
  int numbers = 0;
  size_t i = 0;
  if (length < 4 || memcmp(host, "127.", 4) != 0) return false;
  while (i < length) {
    int value = 0, digits = 0;
    for (; i < length && host[i] >= '0' && host[i] <= '9' && digits < 4; i++, digits++)
      value = value * 10 + (host[i] - '0');
    if (digits == 0 || value > 255) return false;
    numbers++;
    if (i == length) break;
    if (host[i] != '.' || ++i == length) return false;
  }
  return numbers == 4;
}

static bool is_loopback(const char *host, size_t length) {
  return (length == 9 && memcmp(host, "localhost", 9) == 0) ||
         (length == 5 && memcmp(host, "[::1]", 5) == 0) || is_loopback_ipv4(host, length);
}

static bool is_url_character(char c) {
  return is_visible(c) && strchr("\"<>\\^`{|}#", c) == NULL;
}

/* Length of the host at the start of `text`; a bracketed IPv6 address counts with its brackets. */
static size_t host_length(const char *text) {
  if (text[0] == '[') {
    size_t inner = strcspn(text, "]/?");
    return text[inner] == ']' ? inner + 1 : 0;
  }
  return strcspn(text, ":/?");
}

static bool is_port(const char *text) {
  if (text[0] != ':') return text[0] == '\0' || text[0] == '/' || text[0] == '?';
  size_t digits = strspn(text + 1, "0123456789");
  return digits >= 1 && digits <= 5 && is_port(text + 1 + digits) && text[1 + digits] != ':';
}

const char *cdfw_text_url_problem(const char *url, size_t length) {
  bool https = length > 8 && memcmp(url, "https://", 8) == 0;
  if (!https && !(length > 7 && memcmp(url, "http://", 7) == 0))
    return "is not a URL that begins with https://";
  for (size_t i = 0; i < length; i++)
    if (!is_url_character(url[i])) return "contains a character that cannot stand in a URL";
  const char *host = url + (https ? 8 : 7);
  if (memchr(host, '@', strcspn(host, "/?")) != NULL)
    return "must not hold a user name or password";
  size_t host_size = host_length(host);
  if (host_size == 0 || !is_port(host + host_size)) return "has no valid host and port";
  if (!https && !is_loopback(host, host_size))
    return "must be https (plain http is for loopback only)";
  return NULL;
}

/* }==== */
