/* SPDX-License-Identifier: Apache-2.0
 * token → session → call, with retries and one deadline over it all; see op.h. */
#include "op.h"

#include <math.h>
#include <stddef.h>

/* A nonce lives about 60 s (CDF.md 3): here it is surely alive, there surely dead. */
static const double nonce_lifetime = 50;
static const double nonce_death = 70;
/* How long a refresh may hold up a caller whose old token is still good. */
static const double refresh_patience = 10;
/* Between two looks at a token that another operation is fetching. */
static const double join_interval = 0.01;
/* An execution may show up in the list some seconds after it was started. */
static const double visibility_time = 10;
static const double look_interval = 1;
/* Pages of a look that are asked for without a pause: more than a call ever needs, unless they have
   no end. */
enum { quick_pages = 10 };
/* The error is on its way to the caller; taking the session back may not hold it up for long. */
static const double revoke_patience = 5;

/* splitmix64, by its published constants: small, and good enough for jitter. */
double cdfw_random(uint64_t *state) {
  *state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = *state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  return (double)(z >> 11) / 9007199254740992.0;
}

void cdfw_op_leave(cdfw_op *op) {
  if (op->auth != NULL) cdfw_auth_leave(op->auth, op);
}

static cdfw_action finish(cdfw_op *op, cdfw_ending ending) {
  if (op->lost && ending != CDFW_ENDING_DONE) ending = CDFW_ENDING_AMBIGUOUS;
  op->ending = ending;
  op->over = true;
  cdfw_op_leave(op);
  return ending == CDFW_ENDING_DONE ? CDFW_ACTION_DONE : CDFW_ACTION_ERROR;
}

static cdfw_action pause(cdfw_op *op, double delay) {
  op->delay = delay;
  return CDFW_ACTION_SLEEP;
}

/* A while without requests, if there is time for another one afterwards. */
static cdfw_action rest(cdfw_op *op, double now) {
  bool in_time = now + look_interval < op->deadline;
  return in_time ? pause(op, look_interval) : finish(op, CDFW_ENDING_DEADLINE);
}

/* A page that is refused may be one whose cursor has died. */
static bool may_be_dead_cursor(const cdfw_op *op) {
  return op->phase == CDFW_PHASE_LOOK && op->mid_look && !cdfw_policy_is_passing(&op->last);
}

/* Whether asking again later may go otherwise. */
static bool may_change(const cdfw_op *op, cdfw_ending ending) {
  if (ending != CDFW_ENDING_OUTCOME) return true; /* the token came from elsewhere */
  if (may_be_dead_cursor(op)) return true;
  return cdfw_policy_is_passing(&op->last) || op->last.unreadable || op->last.status >= 500;
}

/* Trouble that nothing more is to be tried against. But where a call may have been carried out,
   finding out is worth all the time there is: neither max_retries nor the budget ends it. */
static cdfw_action fail(cdfw_op *op, cdfw_ending ending, double now) {
  double left = op->deadline - now;
  if (!op->lost || left < look_interval || !may_change(op, ending)) return finish(op, ending);
  if (may_be_dead_cursor(op)) op->mid_look = false; /* the look begins anew */
  double delay = cdfw_policy_delay(op->retries++, -1, cdfw_random(op->random_state));
  double asked = ending == CDFW_ENDING_OUTCOME ? op->last.retry_after : -1;
  delay = fmax(fmin(delay, left / 2), asked);
  return delay < left ? pause(op, delay) : finish(op, ending);
}

static cdfw_action request(cdfw_op *op, cdfw_phase phase) {
  op->phase = phase;
  op->attempts++;
  if (op->auth != NULL) op->token_serial = op->auth->serial;
  return CDFW_ACTION_HTTP;
}

static cdfw_action join(cdfw_op *op) {
  if (!op->joining) op->joined_fetch = op->auth->fetches;
  op->joining = true;
  op->delay = join_interval;
  return CDFW_ACTION_JOIN;
}

static cdfw_action fetch_token(cdfw_op *op) {
  op->joining = false;
  if (!op->token_by_function) return request(op, CDFW_PHASE_TOKEN);
  op->phase = CDFW_PHASE_TOKEN;
  return CDFW_ACTION_TOKEN;
}

static bool is_stale(const cdfw_op *op, double now) {
  return op->has_nonce && now - op->nonce_asked >= nonce_lifetime;
}

/* Whether a lost attempt that was held up on its way would have shown up by `time`: with its nonce
   dead it cannot start anything later. */
static bool would_show(const cdfw_op *op, double time) {
  return time - op->nonce_time >= nonce_death + visibility_time;
}

static cdfw_action ask_session(cdfw_op *op, double now) {
  op->nonce_asked = now;
  return request(op, CDFW_PHASE_SESSION);
}

/* What a look finds is as old as its first page, however long the answers travel. */
static cdfw_action ask_page(cdfw_op *op, double now) {
  if (!op->mid_look) {
    op->look_asked = now;
    op->pages = 0;
  }
  op->pages++;
  return request(op, CDFW_PHASE_LOOK);
}

static cdfw_action look(cdfw_op *op, double now);

/* A nonce binds once, which guards against a second start. So a stale one is replaced only where
   every answer so far was a clean refusal, or where nothing can come of the lost attempts. */
static cdfw_action renew_nonce(cdfw_op *op, double now) {
  if (op->lost && !op->is_marked) return finish(op, CDFW_ENDING_AMBIGUOUS);
  if (op->lost && !would_show(op, op->looked)) return look(op, now);
  op->has_nonce = false;
  return ask_session(op, now);
}

/* With a token in hand. */
static cdfw_action send_call(cdfw_op *op, double now) {
  if (op->token_only) return finish(op, CDFW_ENDING_DONE);
  op->joining = op->token_is_new = false;
  if (op->looking) return ask_page(op, now);
  if (is_stale(op, now)) return renew_nonce(op, now);
  if (op->wants_session && !op->has_nonce) return ask_session(op, now);
  return request(op, CDFW_PHASE_CALL);
}

static bool has_spare_token(const cdfw_op *op, double now) {
  return op->auth != NULL && op->auth->token.length > 0 && now < op->auth->expires;
}

/* Whatever is needed next. */
static cdfw_action proceed(cdfw_op *op, double now) {
  if (now >= op->deadline) return finish(op, CDFW_ENDING_DEADLINE);
  if (op->auth == NULL || op->token_is_new) return send_call(op, now);
  if (op->lost && now < op->auth->quiet_until && !has_spare_token(op, now)) return rest(op, now);
  switch (cdfw_auth_ask(op->auth, op, now, op->deadline)) {
    case CDFW_AUTH_FETCH:
      return fetch_token(op);
    case CDFW_AUTH_WAIT:
      return join(op);
    default:
      return send_call(op, now);
  }
}

/* Another operation's fetch is over, or was given up. */
static cdfw_action after_join(cdfw_op *op, double now) {
  if (op->auth->fetches == op->joined_fetch || !op->auth->last_failed) return proceed(op, now);
  op->joining = false;
  op->phase = CDFW_PHASE_TOKEN;
  return fail(op, CDFW_ENDING_JOINED, now);
}

static cdfw_action use_new_token(cdfw_op *op, double now) {
  op->token_is_new = true;
  return proceed(op, now);
}

/* The fetch ended for a reason of this call alone, which says nothing about the token. */
static bool is_own_end(const cdfw_op *op, cdfw_ending ending) {
  if (ending != CDFW_ENDING_OUTCOME) return false;
  return op->last.failure == CDFW_FAILURE_CANCELLED || op->out_of_time;
}

/* No new token; the old one serves while it is good. Those who wait are told, unless one of them is
   to see for itself: where it was this call that had no time, or that goes on without. */
static cdfw_action without_new_token(cdfw_op *op, cdfw_ending ending, double now) {
  if (has_spare_token(op, now)) {
    cdfw_auth_fail(op->auth, op, now);
    return use_new_token(op, now);
  }
  if (!op->lost && !is_own_end(op, ending)) cdfw_auth_fail(op->auth, op, now);
  cdfw_auth_leave(op->auth, op);
  cdfw_action action = fail(op, ending, now);
  if (action == CDFW_ACTION_SLEEP) op->auth->quiet_until = now + op->delay;
  return action;
}

/* A session whose call was refused is of no use to anybody. Where its nonce may be bound after all
   it is left alone: taking it back would end what runs with it. */
static bool can_revoke(const cdfw_op *op, double now) {
  int status = op->last.failure == CDFW_FAILURE_NONE ? op->last.status : 0;
  return op->phase == CDFW_PHASE_CALL && op->has_nonce && op->has_session_id &&
         !op->nonce_in_doubt && !op->lost && status >= 400 && status < 500 && status != 401 &&
         now < op->deadline;
}

static cdfw_action give_up(cdfw_op *op, double now) {
  if (op->phase == CDFW_PHASE_TOKEN) return without_new_token(op, CDFW_ENDING_OUTCOME, now);
  if (!can_revoke(op, now)) return fail(op, CDFW_ENDING_OUTCOME, now);
  op->ending = CDFW_ENDING_OUTCOME;
  return request(op, CDFW_PHASE_REVOKE);
}

/* The answer to this attempt says nothing about whether it had an effect. */
static bool is_open(const cdfw_outcome *outcome) {
  if (outcome->failure != CDFW_FAILURE_NONE) return outcome->sent;
  return outcome->status == 502 || outcome->status == 504;
}

/* CDF has not even looked at it. */
static bool is_untouched(const cdfw_outcome *outcome) {
  return outcome->failure != CDFW_FAILURE_NONE ? !outcome->sent : outcome->status == 429;
}

static cdfw_action repeat(cdfw_op *op, double now) {
  op->delay = cdfw_policy_delay(op->retries, op->last.retry_after, cdfw_random(op->random_state));
  bool late = now + op->delay >= op->deadline;
  op->out_of_time = late && op->last.retry_after <= 0;
  if (op->phase == CDFW_PHASE_CALL) {
    op->maybe_done = op->maybe_done || is_open(&op->last);
    op->nonce_in_doubt = op->nonce_in_doubt || !is_untouched(&op->last);
  }
  if (op->phase == CDFW_PHASE_TOKEN && has_spare_token(op, now)) return give_up(op, now);
  if (late || op->retries >= op->max_retries || !cdfw_budget_spend(op->budget))
    return give_up(op, now);
  op->retries++;
  return CDFW_ACTION_SLEEP;
}

/* {==== Lost answers ==== */

static cdfw_action look(cdfw_op *op, double now) {
  op->lost = op->looking = true;
  op->mid_look = false;
  op->look_since = now;
  return proceed(op, now);
}

static cdfw_action after_loss(cdfw_op *op, double now) {
  return op->can_look ? look(op, now) : finish(op, CDFW_ENDING_AMBIGUOUS);
}

/* Whether the refusal of a repeat shows that the lost attempt took effect: its nonce, fresh and our
   own, is spent. Other refusals (no access, trouble inside CDF) show nothing. */
static bool proves_effect(const cdfw_op *op, const cdfw_outcome *outcome, double now) {
  if (outcome->failure != CDFW_FAILURE_NONE) return false;
  return outcome->unreadable || (outcome->status == 400 && op->has_nonce && !is_stale(op, now));
}

/* The repeat of a lost call was refused. Most likely it was started and its nonce is spent. */
static cdfw_action after_refusal(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  if (!op->is_marked && !proves_effect(op, outcome, now)) return finish(op, CDFW_ENDING_AMBIGUOUS);
  op->refused = true;
  return look(op, now);
}

static cdfw_action after_look(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  if (outcome->found) return finish(op, CDFW_ENDING_DONE);
  op->mid_look = outcome->more;
  if (outcome->more) return op->pages < quick_pages ? proceed(op, now) : rest(op, now);
  bool enough = !op->refused && op->look_asked - op->look_since >= visibility_time;
  if (!enough || (op->is_marked && is_stale(op, now) && !would_show(op, op->look_asked)))
    return rest(op, now);
  op->looking = false;
  op->looked = op->look_asked;
  return proceed(op, now);
}

/* }==== */

static cdfw_action after_success(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  cdfw_budget_earn(op->budget);
  switch (op->phase) {
    case CDFW_PHASE_TOKEN:
      return use_new_token(op, now);
    case CDFW_PHASE_SESSION:
      if (op->session_only) return finish(op, CDFW_ENDING_DONE);
      op->has_nonce = true;
      op->nonce_time = now;
      op->nonce_in_doubt = false;
      return proceed(op, now);
    case CDFW_PHASE_LOOK:
      return after_look(op, outcome, now);
    default:
      return finish(op, CDFW_ENDING_DONE);
  }
}

static cdfw_action after_denial(cdfw_op *op, double now) {
  if (op->phase == CDFW_PHASE_TOKEN || op->auth == NULL || op->token_is_fixed || op->denied)
    return give_up(op, now);
  op->denied = true;
  cdfw_auth_refuse(op->auth, op->token_serial);
  return proceed(op, now);
}

/* A success in a size or form that cannot be taken. */
static bool is_unusable(const cdfw_outcome *outcome) {
  return outcome->unreadable || (outcome->failure == CDFW_FAILURE_TOO_LARGE &&
                                 outcome->status >= 200 && outcome->status < 300);
}

static cdfw_action after_answer(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  if (op->phase == CDFW_PHASE_REVOKE) return finish(op, op->ending);
  op->last = *outcome;
  cdfw_repeat class = op->phase == CDFW_PHASE_CALL ? op->repeat : CDFW_REPEAT_SAFE;
  switch (cdfw_policy_judge(class, outcome)) {
    case CDFW_VERDICT_DONE:
      return after_success(op, outcome, now);
    case CDFW_VERDICT_RETRY:
      return repeat(op, now);
    case CDFW_VERDICT_DENIED:
      return after_denial(op, now);
    case CDFW_VERDICT_AMBIGUOUS:
      return after_loss(op, now);
    default:
      if (op->phase == CDFW_PHASE_CALL && op->lost) return after_refusal(op, outcome, now);
      if (op->phase == CDFW_PHASE_CALL && op->can_look && is_unusable(outcome))
        return after_loss(op, now);
      return give_up(op, now);
  }
}

static cdfw_action start(cdfw_op *op, double now) {
  op->started = now;
  op->deadline = now + op->timeout;
  return proceed(op, now);
}

cdfw_action cdfw_op_step(cdfw_op *op, cdfw_event event, const cdfw_outcome *outcome, double now) {
  switch (event) {
    case CDFW_EVENT_START:
      return start(op, now);
    case CDFW_EVENT_ANSWER:
      return after_answer(op, outcome, now);
    case CDFW_EVENT_WOKE:
      return op->joining ? after_join(op, now) : proceed(op, now);
    case CDFW_EVENT_TOKEN:
      /* From a store of tokens, in place of a request that was about to be sent. */
      if (!op->token_by_function) op->attempts--;
      return use_new_token(op, now);
    default:
      return without_new_token(op, CDFW_ENDING_TOKEN, now);
  }
}

double cdfw_op_attempt_timeout(const cdfw_op *op, double now) {
  double left = op->deadline - now;
  /* The old token must live on to be used if no new one comes. */
  if (op->phase == CDFW_PHASE_TOKEN && has_spare_token(op, now))
    return fmin(left, fmin(refresh_patience, (op->auth->expires - now) / 2));
  if (op->phase == CDFW_PHASE_REVOKE) return fmin(left, revoke_patience);
  /* An answer that never comes must leave time to look whether the call was carried out. */
  bool halved = op->lost || (op->phase == CDFW_PHASE_CALL && op->can_look);
  return halved ? fmax(left / 2, fmin(left, look_interval)) : left;
}
