/* SPDX-License-Identifier: Apache-2.0
 * The access token of one client: whether it is still good, who fetches the next one, and the OAuth
 * 2.0 request for it. Pure: the time comes in, nothing is sent. */
#ifndef CDFW_AUTH_H
#define CDFW_AUTH_H

#include "buffer.h"

typedef enum cdfw_auth_need {
  CDFW_AUTH_READY, /* the token can be used */
  CDFW_AUTH_FETCH, /* the caller fetches a token now, and has been noted as the one who does */
  CDFW_AUTH_WAIT   /* another operation is fetching it */
} cdfw_auth_need;

typedef struct cdfw_auth {
  cdfw_buffer token;
  unsigned serial;      /* goes up with each token taken */
  double expires;       /* on the monotonic clock; HUGE_VAL: never */
  double refresh_at;    /* from here on somebody fetches a new one ahead of time */
  const void *fetcher;  /* the operation that is fetching, or NULL */
  double fetcher_limit; /* after this time the fetcher is taken for lost */
  double quiet_until;   /* those who can wait for a token ask for none before */
  unsigned fetches;     /* finished fetches, good or bad: a waiter sees that its own is over */
  bool last_failed;     /* the last finished fetch brought no token */
} cdfw_auth;

enum {
  CDFW_MAX_TOKEN = 32 * 1024,
  /* A token is renewed when less than this is left, as the Python SDK does (CDF.md 2); up to half
     as much again at random, so that many processes do not all ask at the same second. Seconds. */
  CDFW_AUTH_LEEWAY = 30,
  CDFW_AUTH_MOST_LEEWAY = CDFW_AUTH_LEEWAY * 3 / 2
};

void cdfw_auth_init(cdfw_auth *auth);
void cdfw_auth_free(cdfw_auth *auth);

/* What `who` has to do for a token at `now`. `limit` is the caller's deadline. */
cdfw_auth_need cdfw_auth_ask(cdfw_auth *auth, const void *who, double now, double limit);
/* A token that lives `lifetime` seconds from `now` (HUGE_VAL: for ever). `random` in [0, 1) spreads
   the refresh of many processes. False without memory. */
bool cdfw_auth_take(cdfw_auth *auth, const char *token, size_t length, double now, double lifetime,
                    double random);
/* The fetch of `who` failed, which is told to those who wait; nothing happens when another one has
   taken it over. A token at hand that is still good is used for a while before the next try. */
void cdfw_auth_fail(cdfw_auth *auth, const void *who, double now);
/* The API did not take the token of that `serial`: it is not used again. Nothing happens when
   another one has replaced it meanwhile. */
void cdfw_auth_refuse(cdfw_auth *auth, unsigned serial);
/* `who` ends without having finished a fetch: somebody else may start one. */
void cdfw_auth_leave(cdfw_auth *auth, const void *who);

#endif
