/* SPDX-License-Identifier: Apache-2.0
 * Reads the input as JSON. A recogniser written down from RFC 8259 alone says which texts must be
 * taken; what was taken is written and read once more, and messages never repeat the text. */
#include "json.h"

#include <math.h>

#include "fuzz.h"
#include "object.h"
#include "text.h"

/* {==== The grammar of RFC 8259, and our limits ==== */

typedef struct text {
  const char *at, *end;
  int depth;
  bool huge; /* there is a number that is too large for a double */
} text;

static bool take_value(text *t);

static bool take(text *t, char c) {
  if (t->at == t->end || *t->at != c) return false;
  t->at++;
  return true;
}

static void take_space(text *t) {
  while (take(t, ' ') || take(t, '\t') || take(t, '\r') || take(t, '\n')) {
  }
}

static bool take_digits(text *t) {
  const char *start = t->at;
  while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
    t->at++;
  return t->at > start;
}

static bool take_number(text *t) {
  char number[400];
  const char *start = t->at;
  take(t, '-');
  if (!take(t, '0') && !take_digits(t)) return false;
  if (take(t, '.') && !take_digits(t)) return false;
  if (take(t, 'e') || take(t, 'E')) {
    if (!take(t, '+')) take(t, '-');
    if (!take_digits(t)) return false;
  }
  size_t length = (size_t)(t->at - start);
  if (length >= sizeof number) length = sizeof number - 1; /* inputs are shorter, see run.sh */
  memcpy(number, start, length);
  number[length] = '\0';
  if (!isfinite(strtod(number, NULL))) t->huge = true;
  return true;
}

static bool take_hex(text *t, unsigned *value) {
  char digits[5] = "";
  if (t->end - t->at < 4) return false;
  memcpy(digits, t->at, 4);
  if (strspn(digits, "0123456789abcdefABCDEF") != 4) return false;
  *value = (unsigned)strtoul(digits, NULL, 16);
  t->at += 4;
  return true;
}

static bool take_escape(text *t) {
  unsigned high, low;
  if (t->at == t->end) return false;
  if (*t->at != '\0' && strchr("\"\\/bfnrt", *t->at) != NULL) {
    t->at++;
    return true;
  }
  if (!take(t, 'u') || !take_hex(t, &high)) return false;
  if (high < 0xd800 || high > 0xdfff) return true;
  return high < 0xdc00 && take(t, '\\') && take(t, 'u') && take_hex(t, &low) && low >= 0xdc00 &&
         low <= 0xdfff;
}

static bool take_string(text *t) {
  if (!take(t, '"')) return false;
  while (t->at < t->end && *t->at != '"') {
    if ((unsigned char)*t->at < ' ') return false;
    if (*t->at++ == '\\' && !take_escape(t)) return false;
  }
  return take(t, '"');
}

static bool take_word(text *t, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0) return false;
  t->at += length;
  return true;
}

static bool take_member(text *t, bool named) {
  if (named) {
    take_space(t);
    if (!take_string(t)) return false;
    take_space(t);
    if (!take(t, ':')) return false;
  }
  return take_value(t);
}

static bool take_members(text *t, char open, char close, bool named) {
  if (!take(t, open) || ++t->depth > CDFW_JSON_READ_DEPTH) return false;
  take_space(t);
  if (!take(t, close)) {
    do {
      if (!take_member(t, named)) return false;
    } while (take(t, ','));
    if (!take(t, close)) return false;
  }
  t->depth--;
  return true;
}

static bool take_value(text *t) {
  take_space(t);
  if (t->at == t->end) return false;
  bool taken = *t->at == '{'   ? take_members(t, '{', '}', true)
               : *t->at == '[' ? take_members(t, '[', ']', false)
               : *t->at == '"' ? take_string(t)
               : *t->at == 't' ? take_word(t, "true")
               : *t->at == 'f' ? take_word(t, "false")
               : *t->at == 'n' ? take_word(t, "null")
                               : take_number(t);
  if (taken) take_space(t);
  return taken;
}

static bool is_json(const char *data, size_t size, bool *huge) {
  text t = {data, data + size, 0, false};
  bool taken = cdfw_text_is_utf8(data, size) && take_value(&t) && t.at == t.end;
  *huge = t.huge;
  return taken;
}

/* }==== */

/* Without its digits, a message is one of a few; so it cannot hold any of the text. */
static void check_message(const char *message) {
  static const char *const known[] = {
      "not JSON: ends too early at character ",
      "not JSON: ends inside a string at character ",
      "not JSON: unexpected token at character ",
      "not JSON: unexpected character at character ",
      "not JSON: malformed number at character ",
      "not JSON: control character in a string at character ",
      "not JSON: invalid escape in a string at character ",
      "not JSON: invalid UTF-8 at character ",
      "not JSON: begins with a byte order mark at character ",
      "not JSON: nested too deeply at character ",
      "not JSON that can be kept: a number is out of range",
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    size_t length = strlen(known[i]);
    if (strncmp(message, known[i], length) != 0) continue;
    bool numbered = message[length - 1] == ' ';
    size_t digits = strspn(message + length, "0123456789");
    if (message[length + digits] == '\0' && (digits > 0) == numbered) return;
  }
  fuzz_require(false, "an unknown message: %s", message);
}

/* Writing what was read, and reading that, gives the same text again. Too deep for the writer is
   the only refusal. */
static void check_again(lua_State *L, int value) {
  cdfw_buffer *first = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  cdfw_buffer *second = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  if (!cdfw_json_write(L, value, "value", first)) {
    const char *message = lua_tostring(L, -1);
    fuzz_require(strstr(message, "too many tables") != NULL, "%s", message);
    return;
  }
  fuzz_require(cdfw_json_read(L, first->data, first->length, 0), "%s", lua_tostring(L, -1));
  fuzz_require(cdfw_json_write(L, -1, "value", second), "%s", lua_tostring(L, -1));
  /* The members of objects may stand in another order. */
  fuzz_require(first->length == second->length, "%s became %s", first->data, second->data);
}

static int one_input(lua_State *L) {
  const fuzz_input *input = lua_touserdata(L, 1);
  const char *data = (const char *)input->at;
  size_t size = (size_t)(input->end - input->at);
  bool huge, expected = is_json(data, size, &huge);
  for (int flags = 0; flags <= CDFW_JSON_STRIP_NULLS; flags++) {
    lua_settop(L, 1);
    bool taken = cdfw_json_read(L, data, size, flags);
    fuzz_require(lua_gettop(L) == 2, "the stack is out of balance");
    /* A huge number is refused, unless a later member of the same name has taken its place; that
       none is left is for the writer to see. */
    fuzz_require(taken == expected || (huge && !taken), "%s", taken ? "taken" : lua_tostring(L, 2));
    if (taken)
      check_again(L, 2);
    else
      check_message(lua_tostring(L, 2));
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  /* In memory of its own and without a NUL behind it, so that reading too far shows. */
  char *copy = malloc(size > 0 ? size : 1);
  fuzz_require(copy != NULL, "no memory");
  if (size > 0) memcpy(copy, data, size);
  fuzz_input input = fuzz_input_of((const uint8_t *)copy, size);
  lua_settop(L, 0);
  lua_pushcfunction(L, one_input);
  lua_pushlightuserdata(L, &input);
  fuzz_require(lua_pcall(L, 1, 0, 0) == 0, "raised %s", lua_tostring(L, -1));
  free(copy);
  return 0;
}
