/* SPDX-License-Identifier: Apache-2.0
 * What may be repeated, and when: pure functions over what happened. No clock, no randomness, no
 * I/O of its own: the caller brings all three. README «Promises» and CDF.md section 12 are the law.
 */
#ifndef CDFW_POLICY_H
#define CDFW_POLICY_H

#include "message.h"

/* What repeating a call that may have been carried out would do. */
typedef enum cdfw_repeat {
  CDFW_REPEAT_SAFE,  /* nothing more: reads, upserts, deletes, token and session requests */
  CDFW_REPEAT_RUN,   /* start a second run, unless its nonce is spent */
  CDFW_REPEAT_UNSAFE /* a second effect; only 429 promises that there was none */
} cdfw_repeat;

/* What became of one attempt. */
typedef struct cdfw_outcome {
  cdfw_failure failure;
  bool sent;           /* with a failure: the server may have seen the request */
  bool connected;      /* a connection was ready for the request */
  int status;          /* of the answer; 0 when a failure came before it */
  bool own;            /* the answer is CDF's own: it bears CDF's error envelope (CDF.md 11) */
  bool missing;        /* and says that something is not there */
  bool auto_retryable; /* the answer said cdf-is-auto-retryable: true */
  double retry_after;  /* seconds the answer asked to wait, or -1 */
  bool unreadable;     /* a success whose body is not what CDF promises */
  bool found;          /* of a look: the call has been carried out, and here is its result */
  bool more;           /* of a look: there are further pages to look through */
} cdfw_outcome;

/* What an answer, or none, says of the attempt. Between us and CDF stand balancers and proxies that
   answer in its place, also after they have passed the request on (CDF.md 20). */
typedef enum cdfw_reply {
  CDFW_REPLY_SUCCESS,    /* a 2xx that reads */
  CDFW_REPLY_UNTOUCHED,  /* CDF has not looked at it: nothing was sent, or 429 */
  CDFW_REPLY_PUT_OFF,    /* CDF itself asks to come back: its own 503, or marked as retryable */
  CDFW_REPLY_DENIED,     /* 401: the access token was not taken */
  CDFW_REPLY_SPENT,      /* CDF's own 400: refused, and what a spent nonce is answered with */
  CDFW_REPLY_REFUSED,    /* CDF's own 4xx but for 400, 401, 408, 429, 499 */
  CDFW_REPLY_TOLD,       /* told as it is, and says nothing of a nonce: a 4xx in somebody else's
                            words (most likely not passed on), or the 503 to an unsafe call */
  CDFW_REPLY_IMPOSSIBLE, /* nothing was sent, and trying again would go the same way */
  CDFW_REPLY_LOST        /* all else: it may have been carried out */
} cdfw_reply;

cdfw_reply cdfw_policy_reply(cdfw_repeat repeat, const cdfw_outcome *outcome);

/* Whether trying again later can help: what a read repeats. */
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
