/* SPDX-License-Identifier: Apache-2.0
 * The retry rules; see policy.h. */
#include "policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const double first_delay = 0.25;   /* seconds */
static const double longest_delay = 20;   /* seconds */
static const double full_credit = 20;     /* repeats that a client can make without any success */
static const double success_credit = 0.2; /* so that at most one request in six is a repeat */

/* {==== Replies ==== */

/* Trouble on the way, which may be over at the next try. */
static bool is_passing_failure(cdfw_failure failure) {
  return failure == CDFW_FAILURE_RESOLVE || failure == CDFW_FAILURE_CONNECT ||
         failure == CDFW_FAILURE_TIMEOUT || failure == CDFW_FAILURE_SEND ||
         failure == CDFW_FAILURE_RECEIVE;
}

static cdfw_reply reply_of_failure(const cdfw_outcome *outcome) {
  if (outcome->sent) return CDFW_REPLY_LOST;
  return is_passing_failure(outcome->failure) ? CDFW_REPLY_UNTOUCHED : CDFW_REPLY_IMPOSSIBLE;
}

/* Request Timeout, and nginx's word for a client that went away: said by those in between. */
static bool is_of_a_balancer(int status) {
  return status == 408 || status == 499;
}

static cdfw_reply reply_of_refusal(const cdfw_outcome *outcome) {
  if (is_of_a_balancer(outcome->status)) return CDFW_REPLY_LOST;
  if (!outcome->own) return CDFW_REPLY_TOLD;
  return outcome->status == 400 ? CDFW_REPLY_SPENT : CDFW_REPLY_REFUSED;
}

cdfw_reply cdfw_policy_reply(cdfw_repeat repeat, const cdfw_outcome *outcome) {
  int status = outcome->status;
  if (outcome->failure != CDFW_FAILURE_NONE) return reply_of_failure(outcome);
  if (status >= 200 && status < 300)
    return outcome->unreadable ? CDFW_REPLY_LOST : CDFW_REPLY_SUCCESS;
  if (status == 401) return CDFW_REPLY_DENIED;
  if (status == 429) return CDFW_REPLY_UNTOUCHED;
  if (status >= 400 && outcome->auto_retryable) return CDFW_REPLY_PUT_OFF;
  if (status >= 400 && status < 500) return reply_of_refusal(outcome);
  if (status != 503 || !outcome->own) return CDFW_REPLY_LOST;
  return repeat == CDFW_REPEAT_UNSAFE ? CDFW_REPLY_TOLD : CDFW_REPLY_PUT_OFF;
}

bool cdfw_policy_is_passing(const cdfw_outcome *outcome) {
  int status = outcome->status;
  if (outcome->failure != CDFW_FAILURE_NONE) return is_passing_failure(outcome->failure);
  if (status < 400 || status == 401) return false;
  if (status == 429 || is_of_a_balancer(status) || outcome->auto_retryable) return true;
  return status == 502 || status == 503 || status == 504 || (status >= 500 && !outcome->own);
}

/* }==== */

/* {==== Delays ==== */

double cdfw_policy_delay(unsigned n, double retry_after, double random) {
  double ceiling = first_delay;
  while (n-- > 0 && ceiling < longest_delay)
    ceiling *= 2;
  if (ceiling > longest_delay) ceiling = longest_delay;
  double delay = ceiling * random;
  /* The jitter comes on top of what was asked for, so that clients told the same second spread. */
  return retry_after > 0 ? retry_after + delay * 0.1 : delay;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static long days_from_date(long year, int month, int day) {
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  long leap_years = (year - (month <= 2 ? 1 : 0));
  long leaps = leap_years / 4 - leap_years / 100 + leap_years / 400;
  return (year - 1970) * 365 + leaps - 477 + before[month - 1] + day - 1;
}

static int month_from_name(const char *name) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12; i++)
    if (strncmp(names + 3 * (size_t)i, name, 3) == 0) return i + 1;
  return 0;
}

double cdfw_policy_http_date(const char *text) {
  int day, hour, minute, second, consumed = 0;
  long year;
  char month_name[4] = "";
  const char *rest = text;
  while (isalpha((unsigned char)*rest))
    rest++; /* the day's name, short or long */
  bool read = sscanf(rest, ", %2d %3[A-Za-z] %4ld %2d:%2d:%2d GMT%n", &day, month_name, &year,
                     &hour, &minute, &second, &consumed) == 6;
  if (!read && sscanf(rest, ", %2d-%3[A-Za-z]-%2ld %2d:%2d:%2d GMT%n", &day, month_name, &year,
                      &hour, &minute, &second, &consumed) == 6) {
    read = true;
    year += year < 70 ? 2000 : 1900;
  }
  if (!read)
    read = sscanf(rest, " %3[A-Za-z] %2d %2d:%2d:%2d %4ld%n", month_name, &day, &hour, &minute,
                  &second, &year, &consumed) == 6;
  int month = month_from_name(month_name);
  if (!read || consumed == 0 || month == 0 || year < 1970 || day < 1 || day > 31 || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return -1;
  double days = (double)days_from_date(year, month, day);
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

double cdfw_policy_retry_after(const char *value, const char *date, double wall) {
  if (value == NULL) return -1;
  size_t digits = strspn(value, "0123456789");
  if (digits > 0) {
    if (value[digits + strspn(value + digits, " \t")] != '\0' || digits > 9) return -1;
    double seconds = 0;
    for (size_t i = 0; i < digits; i++)
      seconds = seconds * 10 + (value[i] - '0');
    return seconds;
  }
  double until = cdfw_policy_http_date(value);
  if (until < 0) return -1;
  double from = date != NULL ? cdfw_policy_http_date(date) : -1;
  if (from < 0) from = wall;
  return until > from ? until - from : 0;
}

/* }==== */

/* {==== Budget ==== */

void cdfw_budget_init(cdfw_budget *budget) {
  budget->credit = full_credit;
}

bool cdfw_budget_spend(cdfw_budget *budget) {
  if (budget->credit < 1) return false;
  budget->credit -= 1;
  return true;
}

void cdfw_budget_earn(cdfw_budget *budget) {
  budget->credit += success_credit;
  if (budget->credit > full_credit) budget->credit = full_credit;
}

/* }==== */
