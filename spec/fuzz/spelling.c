/* SPDX-License-Identifier: Apache-2.0
 * Hides a secret in a text, each of its bytes spelled as the input says, once or twice: it is
 * found, and what is left does not hold it. Any other text is taken as it comes, and nothing
 * breaks. */
#include "spelling.h"

#include "fuzz.h"

enum { LONGEST_SECRET = 40 };

static void init(cdfw_buffer *buffer) {
  cdfw_buffer_init(buffer, 1 << 20, true);
}

static bool holds(const char *text, size_t length, const char *part) {
  size_t needed = strlen(part);
  for (; length >= needed; text++, length--)
    if (memcmp(text, part, needed) == 0) return true;
  return false;
}

static void spell_byte(cdfw_buffer *out, unsigned char byte, uint8_t way) {
  static const char *const formats[] = {"%%%02x", "%%%02X", "\\x%02x",
                                        "&#%d;",  "&#x%X;", "\\u%04x"};
  char text[16];
  bool plain = way % 8 >= 6 && strchr("%\\&", byte) == NULL;
  /* The last three are for characters, of which only ASCII is one byte. */
  size_t count = byte < 0x80 ? 6 : 3;
  if (plain)
    snprintf(text, sizeof text, "%c", byte);
  else
    snprintf(text, sizeof text, formats[way % count], byte);
  cdfw_buffer_adds(out, text);
}

static void spell(cdfw_buffer *out, const cdfw_buffer *text, fuzz_input *input) {
  for (size_t i = 0; i < text->length; i++)
    spell_byte(out, (unsigned char)text->data[i], fuzz_byte(input));
}

static void add_secret(cdfw_buffer *out, fuzz_input *input) {
  size_t length = 4 + fuzz_byte(input) % (LONGEST_SECRET - 4);
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = fuzz_byte(input);
    cdfw_buffer_addc(out, (char)(byte == 0 ? '0' : byte));
  }
}

static void check_hidden(const char *text, size_t length, const cdfw_buffer *secret) {
  cdfw_buffer list, out;
  init(&list);
  init(&out);
  cdfw_buffer_add(&list, secret->data, secret->length + 1);
  cdfw_spelling found = cdfw_spelling_redact(text, length, &list, &out);
  fuzz_require(found == CDFW_SPELLING_REDACTED, "'%s' is not found in '%s'", secret->data, text);
  fuzz_require(!holds(cdfw_buffer_text(&out), out.length, secret->data), "left: %s", out.data);
  cdfw_buffer_free(&list);
  cdfw_buffer_free(&out);
}

static void check_spelled(fuzz_input input) {
  cdfw_buffer secret, once, text;
  init(&secret);
  init(&once);
  init(&text);
  add_secret(&secret, &input);
  spell(&once, &secret, &input);
  cdfw_buffer_adds(&text, "before: ");
  if (fuzz_byte(&input) % 2 == 0)
    spell(&text, &once, &input);
  else
    cdfw_buffer_add(&text, once.data, once.length);
  cdfw_buffer_adds(&text, ", after");
  /* A secret that is in what is left anyway cannot be told from it. */
  if (strstr("before: [redacted], after", secret.data) == NULL)
    check_hidden(text.data, text.length, &secret);
  cdfw_buffer_free(&secret);
  cdfw_buffer_free(&once);
  cdfw_buffer_free(&text);
}

static void check_any(const uint8_t *data, size_t size) {
  static const char secrets[] = "secret\0abcd\0\xc3\xa9\xc3\xa9\xc3\xa9\0%25%";
  cdfw_buffer list, out;
  init(&list);
  init(&out);
  cdfw_buffer_add(&list, secrets, sizeof secrets);
  cdfw_spelling found = cdfw_spelling_redact((const char *)data, size, &list, &out);
  fuzz_require(found != CDFW_SPELLING_NO_MEMORY, "no memory");
  bool there = holds((const char *)data, size, "secret");
  fuzz_require(found == CDFW_SPELLING_REDACTED || !there, "not found");
  fuzz_require(found == CDFW_SPELLING_CLEAN || !holds(out.data, out.length, "secret"), "left");
  cdfw_buffer_free(&list);
  cdfw_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  check_spelled(fuzz_input_of(data, size));
  check_any(data, size);
  return 0;
}
