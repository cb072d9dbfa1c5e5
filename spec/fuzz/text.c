/* SPDX-License-Identifier: Apache-2.0
 * Path segments, form values, JSON strings and the checks of identifiers, headers, tokens and URLs.
 * What was encoded is decoded by other means and must be the same; what passed a check is harmless.
 */
#include "text.h"

#include "fuzz.h"
#include "json.h"
#include "object.h"

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("-._~", c) != NULL);
}

static int hex_value(char c) {
  static const char digits[] = "0123456789ABCDEF";
  const char *found = c != '\0' ? strchr(digits, c) : NULL;
  fuzz_require(found != NULL, "'%c' is no hex digit", c);
  return (int)(found - digits);
}

/* Takes the encoding back, and requires that it is what `text` was. */
static void check_encoded(const cdfw_buffer *out, const char *text, size_t length, bool form) {
  const char *at = cdfw_buffer_text(out), *end = at + out->length;
  for (size_t i = 0; i < length; i++) {
    fuzz_require(at < end, "too short");
    char c = *at++;
    if (c == '%') {
      fuzz_require(end - at >= 2, "a cut escape");
      c = (char)(unsigned char)(hex_value(at[0]) * 16 + hex_value(at[1]));
      at += 2;
    } else if (form && c == '+') {
      c = ' ';
    } else {
      fuzz_require(is_unreserved(c), "'%c' is not escaped", c);
    }
    fuzz_require(c == text[i], "another byte came back");
  }
  fuzz_require(at == end, "too long");
}

static void check_json_string(lua_State *L, const char *text, size_t length) {
  cdfw_buffer *out = cdfw_scratch_push(L, CDFW_MAX_BODY, false);
  size_t back_length;
  fuzz_require(cdfw_text_add_json_string(out, text, length), "not added");
  fuzz_require(cdfw_json_read(L, out->data, out->length, 0), "%s", lua_tostring(L, -1));
  const char *back = lua_tolstring(L, -1, &back_length);
  fuzz_require(back_length == length && memcmp(back, text, length) == 0, "another text came back");
}

static bool has_control(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) return true;
  return false;
}

static void check_problems(const char *text, size_t length) {
  if (cdfw_text_identifier_problem(text, length) == NULL) {
    size_t characters = cdfw_text_characters(text, length);
    fuzz_require(cdfw_text_is_utf8(text, length) && memchr(text, '\0', length) == NULL,
                 "identifier");
    fuzz_require(characters >= 1 && characters <= CDFW_IDENTIFIER_MAX, "identifier's length");
    fuzz_require(text[0] != ' ' && text[length - 1] != ' ', "identifier's space");
    fuzz_require(strspn(text, ".") != length || length > 2, "identifier of dots");
  }
  if (cdfw_text_header_problem(text, length) == NULL)
    fuzz_require(length > 0 && !has_control(text, length), "header");
  if (cdfw_text_token_problem(text, length) == NULL)
    fuzz_require(length > 0 && !has_control(text, length) && memchr(text, ' ', length) == NULL,
                 "token");
  if (cdfw_text_url_problem(text, length) == NULL) {
    fuzz_require(!has_control(text, length) && memchr(text, ' ', length) == NULL,
                 "URL's characters");
    bool https = length > 8 && memcmp(text, "https://", 8) == 0;
    bool local = strncmp(text, "http://localhost", 16) == 0 ||
                 strncmp(text, "http://127.", 11) == 0 || strncmp(text, "http://[::1]", 12) == 0;
    fuzz_require(https || local, "URL's scheme");
    const char *host = strstr(text, "://") + 3;
    fuzz_require(memchr(host, '@', strcspn(host, "/?")) == NULL, "URL's user");
  }
}

static int one_input(lua_State *L) {
  const fuzz_input *input = lua_touserdata(L, 1);
  size_t length = (size_t)(input->end - input->at);
  /* Checks are given texts of Lua, which have a NUL behind them. */
  const char *text = lua_pushlstring(L, (const char *)input->at, length);
  cdfw_buffer *segment = cdfw_scratch_push(L, 3 * length, false);
  cdfw_buffer *form = cdfw_scratch_push(L, 3 * length, false);
  fuzz_require(cdfw_text_add_segment(segment, text, length), "no segment");
  fuzz_require(cdfw_text_add_form(form, text, length), "no form value");
  check_encoded(segment, text, length, false);
  check_encoded(form, text, length, true);
  if (cdfw_text_is_utf8(text, length)) check_json_string(L, text, length);
  check_problems(text, length);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  fuzz_input input = fuzz_input_of(data, size);
  lua_settop(L, 0);
  lua_pushcfunction(L, one_input);
  lua_pushlightuserdata(L, &input);
  fuzz_require(lua_pcall(L, 1, 0, 0) == 0, "raised %s", lua_tostring(L, -1));
  return 0;
}
