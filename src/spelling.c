/* SPDX-License-Identifier: Apache-2.0
 * Finding a secret in other spellings; see spelling.h. Spellings have no end, so none is made here:
 * the text is read as its receivers would read it, and the secret is looked for in that. */
#include "spelling.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "message.h"
#include "redact.h"

enum {
  SHORTEST_SECRET = 4,      /* bytes; a shorter one would blot out ordinary words, and is none */
  MOST_ESCAPES = 2,         /* one around the other: a URL in JSON, HTML in a URL */
  LONGEST_BASE64 = 64 << 10 /* bytes that are looked into; what is longer is hidden unseen */
};

/* {==== Undoing escapes ==== */

static int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number in just so many hexadecimal digits, or -1. */
static long hex_value(const char *at, const char *end, int digits) {
  long value = 0;
  if (end - at < digits) return -1;
  for (; digits > 0; digits--, at++) {
    int digit = digit_value(*at);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* A Unicode character as UTF-8. */
static void add_character(cdfw_buffer *out, unsigned long code) {
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  char text[4];
  int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (int i = length - 1; i > 0; i--, code >>= 6)
    text[i] = (char)(0x80 | (code & 0x3f));
  text[0] = (char)(leads[length] | code);
  cdfw_buffer_add(out, text, (size_t)length);
}

/* Each of these adds what the escape at `at` stands for, and answers its length; 0 for none. */

static size_t undo_byte(const char *at, const char *end, size_t before, cdfw_buffer *out) {
  long value = hex_value(at + before, end, 2);
  if (value < 0) return 0;
  cdfw_buffer_addc(out, (char)(unsigned char)value);
  return before + 2;
}

/* \uXXXX, two of them for what is beyond 16 bits. */
static size_t undo_unicode(const char *at, const char *end, cdfw_buffer *out) {
  long high = hex_value(at + 2, end, 4), low = -1;
  if (high < 0) return 0;
  if (high >= 0xd800 && high <= 0xdbff && end - at >= 12 && at[6] == '\\' && at[7] == 'u')
    low = hex_value(at + 8, end, 4);
  bool pair = low >= 0xdc00 && low <= 0xdfff;
  add_character(out, pair ? 0x10000 + (((unsigned long)high & 0x3ff) << 10 | (low & 0x3ff))
                          : (unsigned long)high);
  return pair ? 12 : 6;
}

static size_t undo_backslash(const char *at, const char *end, cdfw_buffer *out) {
  static const char names[] = "\"\\/'bfnrt", values[] = "\"\\/'\b\f\n\r\t";
  if (end - at < 2 || at[1] == '\0') return 0;
  if (at[1] == 'u') return undo_unicode(at, end, out);
  if (at[1] == 'x') return undo_byte(at, end, 2, out);
  const char *name = strchr(names, at[1]);
  if (name == NULL) return 0;
  cdfw_buffer_addc(out, values[name - names]);
  return 2;
}

/* &#39; or &#x27; */
static size_t undo_numbered(const char *at, const char *end, cdfw_buffer *out) {
  bool hex = end - at > 2 && (at[2] == 'x' || at[2] == 'X');
  const char *first = at + (hex ? 3 : 2), *digit = first;
  unsigned long code = 0;
  for (; digit < end && code <= 0x10ffff; digit++) {
    int value = digit_value(*digit);
    if (value < 0 || (!hex && value > 9)) break;
    code = code * (hex ? 16 : 10) + (unsigned)value;
  }
  if (digit == first || digit == end || *digit != ';' || code > 0x10ffff) return 0;
  add_character(out, code);
  return (size_t)(digit + 1 - at);
}

static size_t undo_entity(const char *at, const char *end, cdfw_buffer *out) {
  static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
  if (end - at > 2 && at[1] == '#') return undo_numbered(at, end, out);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    size_t length = strlen(names[i]);
    if ((size_t)(end - at) < length || memcmp(at, names[i], length) != 0) continue;
    cdfw_buffer_addc(out, "&<>\"'"[i]);
    return length;
  }
  return 0;
}

static size_t undo(const char *at, const char *end, cdfw_buffer *out) {
  if (*at == '%') return undo_byte(at, end, 1, out);
  if (*at == '\\') return undo_backslash(at, end, out);
  return *at == '&' ? undo_entity(at, end, out) : 0;
}

/* Adds the text with its escapes undone; whether there were any. */
static bool unescape(const char *text, size_t length, cdfw_buffer *out) {
  const char *end = text + length;
  bool any = false;
  for (const char *at = text; at < end;) {
    size_t undone = undo(at, end, out);
    if (undone > 0)
      any = true;
    else
      cdfw_buffer_addc(out, *at);
    at += undone > 0 ? undone : 1;
  }
  return any;
}

/* }==== */

/* {==== Base64 ==== */

/* Of both alphabets, the one for URLs too; -1 for any other character. */
static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

static void decode_base64(const char *at, const char *end, cdfw_buffer *out) {
  unsigned bits = 0;
  int count = 0;
  for (; at < end; at++) {
    bits = (bits << 6 | (unsigned)base64_value(*at)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    cdfw_buffer_addc(out, (char)(unsigned char)(bits >> count & 0xff));
  }
}

/* }==== */

/* {==== Looking for secrets ==== */

typedef struct search {
  const cdfw_buffer *secrets;
  bool starts[UCHAR_MAX + 1]; /* the bytes that secrets begin with */
  size_t shortest;            /* length of the shortest secret; SIZE_MAX when there is none */
  bool no_memory;
} search;

/* The next one that is long enough, or NULL. */
static const char *next_secret(const search *s, const char *secret) {
  do
    secret = cdfw_message_next_header(s->secrets, secret);
  while (secret != NULL && strlen(secret) < SHORTEST_SECRET);
  return secret;
}

static void start_search(search *s, const cdfw_buffer *secrets) {
  memset(s, 0, sizeof *s);
  s->secrets = secrets;
  s->shortest = SIZE_MAX;
  for (const char *secret = next_secret(s, NULL); secret != NULL; secret = next_secret(s, secret)) {
    size_t length = strlen(secret);
    if (length < s->shortest) s->shortest = length;
    s->starts[(unsigned char)*secret] = true;
  }
  s->starts[' '] = s->starts['+'] = s->starts[' '] || s->starts['+'];
}

/* A form has + where a blank was. */
static bool is_same(char a, char b) {
  return a == b || (a == '+' && b == ' ') || (a == ' ' && b == '+');
}

static size_t match_length(const char *at, const char *end, const char *secret) {
  size_t length = 0;
  for (; secret[length] != '\0'; length++)
    if (at + length == end || !is_same(at[length], secret[length])) return 0;
  return length;
}

/* The length of the longest secret that stands at `at`, or 0. */
static size_t secret_length(const search *s, const char *at, const char *end) {
  size_t longest = 0;
  if (!s->starts[(unsigned char)*at]) return 0;
  for (const char *secret = next_secret(s, NULL); secret != NULL; secret = next_secret(s, secret)) {
    size_t length = match_length(at, end, secret);
    if (length > longest) longest = length;
  }
  return longest;
}

static bool holds(const search *s, const cdfw_buffer *bytes) {
  const char *at = cdfw_buffer_text(bytes), *end = at + bytes->length;
  for (; at < end; at++)
    if (secret_length(s, at, end) > 0) return true;
  return false;
}

/* Whether what the Base64 holds, as bytes or as escapes, has a secret in it. */
static bool encodes(search *s, const char *at, const char *end) {
  cdfw_buffer bytes, plain;
  size_t size = (size_t)(end - at);
  cdfw_buffer_init(&bytes, size, true);
  cdfw_buffer_init(&plain, size, true);
  decode_base64(at, end, &bytes);
  bool found = holds(s, &bytes);
  if (!found && unescape(cdfw_buffer_text(&bytes), bytes.length, &plain)) found = holds(s, &plain);
  if (bytes.state != CDFW_BUFFER_OK || plain.state != CDFW_BUFFER_OK) s->no_memory = true;
  cdfw_buffer_free(&bytes);
  cdfw_buffer_free(&plain);
  return found;
}

/* Whether a secret is in the run of Base64. What stands before the secret's part, a slash for
   example, may belong to the run by chance. */
static bool is_secret_run(search *s, const char *at, const char *end) {
  size_t length = (size_t)(end - at);
  if (length > LONGEST_BASE64) return true;
  for (size_t shift = 0; shift < 4; shift++)
    if (length >= shift && (length - shift) / 4 * 3 + 2 >= s->shortest &&
        encodes(s, at + shift, end))
      return true;
  return false;
}

/* Adds the text with a mark in place of each secret that is there as it is or in Base64. False when
   there is none; then nothing is added. */
static bool replace(search *s, const char *text, size_t length, cdfw_buffer *out) {
  const char *end = text + length, *from = text, *run_end = text;
  bool found = false;
  for (const char *at = text; at < end;) {
    size_t hidden = secret_length(s, at, end);
    if (hidden == 0 && at >= run_end && base64_value(*at) >= 0) {
      for (run_end = at; run_end < end && base64_value(*run_end) >= 0;)
        run_end++;
      if (is_secret_run(s, at, run_end)) hidden = (size_t)(run_end - at);
    }
    if (hidden > 0) {
      found = true;
      cdfw_buffer_add(out, from, (size_t)(at - from));
      cdfw_buffer_adds(out, CDFW_REDACTED);
      from = at + hidden;
    }
    at += hidden > 0 ? hidden : 1;
  }
  if (found) cdfw_buffer_add(out, from, (size_t)(end - from));
  return found;
}

/* }==== */

/* One line stays one line when %0A is undone. */
static void blank_controls(cdfw_buffer *text) {
  for (size_t i = 0; i < text->length; i++)
    if ((unsigned char)text->data[i] < ' ') text->data[i] = ' ';
}

static bool has_escape(const char *text, size_t length) {
  return memchr(text, '%', length) != NULL || memchr(text, '\\', length) != NULL ||
         memchr(text, '&', length) != NULL;
}

/* Looks into the text with its escapes undone, and into what is escaped in that. */
static bool redact_escaped(search *s, const char *text, size_t length, int escapes,
                           cdfw_buffer *out) {
  cdfw_buffer view, clean;
  bool found = false;
  if (!has_escape(text, length)) return false;
  cdfw_buffer_init(&view, length, true);
  cdfw_buffer_init(&clean, out->ceiling, true);
  if (unescape(text, length, &view)) {
    found = replace(s, cdfw_buffer_text(&view), view.length, &clean);
    if (found) {
      blank_controls(&clean);
      cdfw_buffer_clear(out);
      cdfw_buffer_add(out, cdfw_buffer_text(&clean), clean.length);
    }
    const cdfw_buffer *seen = found ? &clean : &view;
    if (escapes > 1 && redact_escaped(s, cdfw_buffer_text(seen), seen->length, escapes - 1, out))
      found = true;
  }
  if (view.state != CDFW_BUFFER_OK || clean.state != CDFW_BUFFER_OK) s->no_memory = true;
  cdfw_buffer_free(&view);
  cdfw_buffer_free(&clean);
  return found;
}

cdfw_spelling cdfw_spelling_redact(const char *text, size_t length, const cdfw_buffer *secrets,
                                   cdfw_buffer *out) {
  search s;
  start_search(&s, secrets);
  if (s.shortest == SIZE_MAX) return CDFW_SPELLING_CLEAN;
  bool found = replace(&s, text, length, out);
  if (found) text = cdfw_buffer_text(out), length = out->length;
  if (redact_escaped(&s, text, length, MOST_ESCAPES, out)) found = true;
  if (s.no_memory || out->state != CDFW_BUFFER_OK) return CDFW_SPELLING_NO_MEMORY;
  return found ? CDFW_SPELLING_REDACTED : CDFW_SPELLING_CLEAN;
}
