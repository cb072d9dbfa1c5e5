/* SPDX-License-Identifier: Apache-2.0
 * Retry-After and HTTP dates: any text gives a sensible number of seconds or -1, and every date
 * that the C library writes is read back. */
#define _POSIX_C_SOURCE 200809L /* gmtime_r */
#include <time.h>

#include "fuzz.h"
#include "policy.h"

/* 9999-12-31, the last day that a date of this form can name. */
static const double last_day = 253402300800.0;

static void check_value(const char *value, const char *date) {
  double wall = 1.7e9;
  double wait = cdfw_policy_retry_after(value, date, wall);
  fuzz_require(wait == -1 || (wait >= 0 && wait <= last_day), "%s: %g", value, wait);
  double time = cdfw_policy_http_date(value);
  fuzz_require(time == -1 || (time >= 0 && time <= last_day), "%s: %g", value, time);
  size_t digits = strspn(value, "0123456789");
  if (digits > 0 && digits <= 9 && value[digits] == '\0')
    fuzz_require(wait == atof(value), "%s: %g", value, wait);
  if (digits == 0 && time < 0) fuzz_require(wait == -1, "%s: %g", value, wait);
}

static void check_date(fuzz_input *input) {
  static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                      "%a %b %e %H:%M:%S %Y"};
  uint32_t seconds = 0;
  for (int i = 0; i < 4; i++)
    seconds = seconds << 8 | fuzz_byte(input);
  const char *form = forms[fuzz_byte(input) % 3];
  /* The form with two digits for the year reaches from 1970 to 2069. */
  if (form == forms[1]) seconds %= 3155760000u;
  time_t time = (time_t)seconds;
  char text[64];
  struct tm parts;
  fuzz_require(gmtime_r(&time, &parts) != NULL, "no such time");
  strftime(text, sizeof text, form, &parts);
  double read = cdfw_policy_http_date(text);
  fuzz_require(read == (double)seconds, "%s: %.0f instead of %u", text, read, seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = fuzz_input_of(data, size);
  char value[200] = "", date[200] = "";
  check_date(&input);
  size_t length = fuzz_byte(&input);
  const char *bytes = fuzz_bytes(&input, &length);
  memcpy(value, bytes, length < sizeof value ? length : sizeof value - 1);
  length = sizeof date - 1;
  bytes = fuzz_bytes(&input, &length);
  memcpy(date, bytes, length);
  check_value(value, length > 0 ? date : NULL);
  return 0;
}
