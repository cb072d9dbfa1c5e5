/* SPDX-License-Identifier: Apache-2.0
 * What may be repeated, and when: pure functions over what happened. No clock, no randomness, no
 * I/O of its own: the caller brings all three. DESIGN section 5 and CDF.md section 12 are the law.
 */
#ifndef CDFW_POLICY_H
#define CDFW_POLICY_H

#include "message.h"

/* What repeating a call that may have been carried out would do. */
typedef enum cdfw_repeat {
  CDFW_REPEAT_SAFE,  /* nothing more: reads, upserts, deletes, token and session requests */
  CDFW_REPEAT_RUN,   /* start a second run; CDF's 503 is a promise that nothing started */
  CDFW_REPEAT_UNSAFE /* a second effect; only 429 promises that there was none */
} cdfw_repeat;

/* What became of one attempt. */
typedef struct cdfw_outcome {
  cdfw_failure failure;
  bool sent;           /* with a failure: the server may have seen the request */
  int status;          /* of the answer; 0 when a failure came before it */
  bool auto_retryable; /* the answer said cdf-is-auto-retryable: true */
  double retry_after;  /* seconds the answer asked to wait, or -1 */
  bool unreadable;     /* a success whose body is not what CDF promises */
  bool found;          /* of a look: the call has been carried out, and here is its result */
  bool more;           /* of a look: there are further pages to look through */
} cdfw_outcome;

typedef enum cdfw_verdict {
  CDFW_VERDICT_DONE,      /* a success */
  CDFW_VERDICT_RETRY,     /* did not happen, or may happen twice: try again */
  CDFW_VERDICT_FAIL,      /* an answer that trying again will not change */
  CDFW_VERDICT_AMBIGUOUS, /* may have happened, and must not happen twice */
  CDFW_VERDICT_DENIED     /* 401: the access token was not taken */
} cdfw_verdict;

cdfw_verdict cdfw_policy_judge(cdfw_repeat repeat, const cdfw_outcome *outcome);

/* Whether trying again later, by hand, can help. */
bool cdfw_policy_is_passing(const cdfw_outcome *outcome);

/* Seconds before repeat number `n` (from 0): full jitter over 0.25 · 2^n, at most 20; never less
   than what the server asked for. `random` is uniform in [0, 1). */
double cdfw_policy_delay(unsigned n, double retry_after, double random);

/* Seconds that a Retry-After value asks for: a number of seconds or an HTTP date. A date is counted
   from the answer's own Date header when there is one, so that a wrong local clock does not matter,
   otherwise from `wall` (seconds since the epoch). -1 when there is no sense in it. */
double cdfw_policy_retry_after(const char *value, const char *date, double wall);

/* Seconds since the epoch of an HTTP date (RFC 9110 5.6.7, all three forms), or -1. */
double cdfw_policy_http_date(const char *text);

/* The retry budget of a client: a success earns a little, a repeat costs one, and without budget
   nothing is repeated. In an outage each client so settles at one attempt a call. */
typedef struct cdfw_budget {
  double credit;
} cdfw_budget;

void cdfw_budget_init(cdfw_budget *budget);
bool cdfw_budget_spend(cdfw_budget *budget); /* false: nothing left */
void cdfw_budget_earn(cdfw_budget *budget);

#endif
