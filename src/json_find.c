/* SPDX-License-Identifier: Apache-2.0
 * A walk through JSON text; see json_find.h. */
#include "json_find.h"

#include <string.h>

#include "json_values.h"
#include "text.h"

enum { DEEPEST = 32 };

static char peek(const cdfw_json_walk *walk) {
  return walk->at < walk->end ? *walk->at : '\0';
}

static bool pass_blanks(cdfw_json_walk *walk) {
  while (peek(walk) == ' ' || peek(walk) == '\n' || peek(walk) == '\r' || peek(walk) == '\t')
    walk->at++;
  return true;
}

bool cdfw_json_take(cdfw_json_walk *walk, char c) {
  if (walk->at == walk->end || *walk->at != c) return false;
  walk->at++;
  return pass_blanks(walk);
}

bool cdfw_json_take_text(cdfw_json_walk *walk, const char **text, size_t *length) {
  if (peek(walk) != '"') return false;
  const char *start = ++walk->at;
  for (size_t wide = 1; wide > 0; walk->at += wide) {
    walk->at += cdfw_json_count_plain(walk->at, (size_t)(walk->end - walk->at));
    wide = cdfw_json_count_wide(walk->at, (size_t)(walk->end - walk->at));
    if (wide > 0 && !cdfw_text_is_utf8(walk->at, wide)) return false;
  }
  *text = start;
  *length = (size_t)(walk->at - start);
  return cdfw_json_take(walk, '"');
}

static size_t pass_digits(cdfw_json_walk *walk) {
  const char *start = walk->at;
  while (peek(walk) >= '0' && peek(walk) <= '9')
    walk->at++;
  return (size_t)(walk->at - start);
}

bool cdfw_json_take_whole(cdfw_json_walk *walk, double *number) {
  const char *start = walk->at;
  size_t digits = pass_digits(walk);
  if (digits == 0 || digits > 15 || (digits > 1 && *start == '0')) return false;
  *number = 0;
  for (const char *digit = start; digit < walk->at; digit++)
    *number = *number * 10 + (*digit - '0');
  return pass_blanks(walk);
}

static bool skip_word(cdfw_json_walk *walk) {
  static const char *const words[] = {"true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t length = strlen(words[i]);
    if ((size_t)(walk->end - walk->at) < length || memcmp(walk->at, words[i], length) != 0)
      continue;
    walk->at += length;
    return pass_blanks(walk);
  }
  return false;
}

static bool skip_inside(cdfw_json_walk *walk, int depth);

static bool skip(cdfw_json_walk *walk, int depth) {
  const char *text;
  size_t length;
  double number;
  switch (peek(walk)) {
    case '"':
      return cdfw_json_take_text(walk, &text, &length);
    case '{':
    case '[':
      return depth < DEEPEST && skip_inside(walk, depth + 1);
    case 't':
    case 'f':
    case 'n':
      return skip_word(walk);
    default:
      return cdfw_json_take_whole(walk, &number);
  }
}

/* Of an array or an object, from its bracket on. */
static bool skip_inside(cdfw_json_walk *walk, int depth) {
  const char *name;
  size_t length;
  bool named = *walk->at == '{';
  char close = named ? '}' : ']';
  cdfw_json_take(walk, *walk->at);
  if (cdfw_json_take(walk, close)) return true;
  do {
    if (named && !(cdfw_json_take_text(walk, &name, &length) && cdfw_json_take(walk, ':')))
      return false;
    if (!skip(walk, depth)) return false;
  } while (cdfw_json_take(walk, ','));
  return cdfw_json_take(walk, close);
}

bool cdfw_json_skip(cdfw_json_walk *walk) {
  return skip(walk, 0);
}
