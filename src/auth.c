/* SPDX-License-Identifier: Apache-2.0
 * Token lifetimes and whose turn it is to fetch; see auth.h. */
#include "auth.h"

#include <math.h>
#include <string.h>

/* Seconds after which a silent fetcher is taken for lost: its coroutine may have been dropped. */
static const double fetcher_patience = 15;
/* Seconds until the next try of a renewal that failed, while the old token is good. */
static const double retry_after_failure = 10;

void cdfw_auth_init(cdfw_auth *auth) {
  memset(auth, 0, sizeof *auth);
  cdfw_buffer_init(&auth->token, CDFW_MAX_TOKEN, true);
  auth->expires = -HUGE_VAL;
}

void cdfw_auth_free(cdfw_auth *auth) {
  cdfw_buffer_free(&auth->token);
}

static bool is_good(const cdfw_auth *auth, double now) {
  return auth->token.length > 0 && now < auth->expires;
}

static bool is_being_fetched(const cdfw_auth *auth, double now) {
  return auth->fetcher != NULL && now < auth->fetcher_limit;
}

cdfw_auth_need cdfw_auth_ask(cdfw_auth *auth, const void *who, double now, double limit) {
  bool good = is_good(auth, now);
  if (good && now < auth->refresh_at) return CDFW_AUTH_READY;
  if (is_being_fetched(auth, now) && auth->fetcher != who)
    return good ? CDFW_AUTH_READY : CDFW_AUTH_WAIT;
  auth->fetcher = who;
  auth->fetcher_limit = fmin(limit, now + fetcher_patience);
  return CDFW_AUTH_FETCH;
}

static void finish_fetch(cdfw_auth *auth, bool failed) {
  auth->fetcher = NULL;
  auth->fetches++;
  auth->last_failed = failed;
}

bool cdfw_auth_take(cdfw_auth *auth, const char *token, size_t length, double now, double lifetime,
                    double random) {
  cdfw_buffer_clear(&auth->token);
  finish_fetch(auth, !cdfw_buffer_add(&auth->token, token, length));
  if (auth->last_failed) return false;
  auth->serial++;
  /* A token that lives shorter than the leeway would be fetched anew for every call. */
  double early =
      fmin(CDFW_AUTH_LEEWAY + (CDFW_AUTH_MOST_LEEWAY - CDFW_AUTH_LEEWAY) * random, lifetime / 2);
  auth->expires = now + lifetime;
  auth->refresh_at = isinf(lifetime) ? lifetime : now + lifetime - early;
  return true;
}

void cdfw_auth_fail(cdfw_auth *auth, const void *who, double now) {
  if (auth->fetcher == who) finish_fetch(auth, true);
  if (is_good(auth, now)) auth->refresh_at = fmin(now + retry_after_failure, auth->expires);
}

void cdfw_auth_refuse(cdfw_auth *auth, unsigned serial) {
  if (auth->serial != serial) return;
  cdfw_buffer_clear(&auth->token);
  auth->expires = -HUGE_VAL;
}

void cdfw_auth_leave(cdfw_auth *auth, const void *who) {
  if (auth->fetcher == who) auth->fetcher = NULL;
}
