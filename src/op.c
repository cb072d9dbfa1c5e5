/* SPDX-License-Identifier: Apache-2.0
 * token → session → call, with retries and one deadline over it all; see op.h. */
#include "op.h"

#include <math.h>
#include <stddef.h>

/* Seconds. Where an attempt can be repeated or looked for, a hung answer leaves time for another.
 */
static const double attempt_patience = 30;
/* How long a refresh may hold up a caller whose old token is still good. */
static const double refresh_patience = 10;
/* The error is on its way to the caller; taking the session back may not hold it up for long. */
static const double revoke_patience = 5;
/* Between two looks at a token that another operation is fetching. */
static const double join_interval = 0.01;
/* For a server that was never reached: a setting is more likely to be wrong than the server down.
 */
static const double stranger_patience = 5, stranger_delay = 1;
/* With less than this left, nothing more is begun that can be left. */
static const double least_time = 1;

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
  if (op->plan.auth != NULL) cdfw_auth_leave(op->plan.auth, op);
}

/* {==== The table ==== */

cdfw_transition cdfw_op_move(cdfw_reply reply, cdfw_nonce nonce) {
#define TO(move, nonce) \
  { CDFW_MOVE_##move, CDFW_NONCE_##nonce }
#define LOOK_ON TO(LOOK_ON, IN_DOUBT), TO(LOOK_ON, SPENT)
#define FINISH(nonce) TO(FINISH, nonce)
#define DOUBT TO(DOUBT, IN_DOUBT)
  static const cdfw_transition moves[][5] = {
      /* NONE, UNTOUCHED, PUT_OFF, IN_DOUBT, SPENT */
      [CDFW_REPLY_SUCCESS] = {FINISH(NONE), FINISH(UNTOUCHED), FINISH(PUT_OFF), FINISH(IN_DOUBT),
                              FINISH(SPENT)},
      [CDFW_REPLY_UNTOUCHED] = {TO(REPEAT, NONE), TO(REPEAT, UNTOUCHED), TO(REPEAT, PUT_OFF),
                                LOOK_ON},
      [CDFW_REPLY_PUT_OFF] = {TO(REPEAT, NONE), TO(REPEAT, PUT_OFF), TO(REPEAT, PUT_OFF), LOOK_ON},
      [CDFW_REPLY_DENIED] = {TO(RENEW, NONE), TO(RENEW, UNTOUCHED), TO(RENEW, PUT_OFF),
                             TO(RENEW, IN_DOUBT), TO(RENEW, SPENT)},
      [CDFW_REPLY_SPENT] = {TO(FAIL, NONE), TO(REFUSE, UNTOUCHED), TO(DOUBT, SPENT),
                            TO(LOOK_ON, SPENT), TO(LOOK_ON, SPENT)},
      [CDFW_REPLY_REFUSED] = {TO(FAIL, NONE), TO(REFUSE, UNTOUCHED), TO(FAIL, PUT_OFF), LOOK_ON},
      [CDFW_REPLY_TOLD] = {TO(FAIL, NONE), TO(MAKE_SURE, UNTOUCHED), TO(MAKE_SURE, PUT_OFF),
                           LOOK_ON},
      [CDFW_REPLY_IMPOSSIBLE] = {TO(FAIL, NONE), TO(FAIL, UNTOUCHED), TO(FAIL, PUT_OFF), LOOK_ON},
      [CDFW_REPLY_LOST] = {TO(DOUBT, NONE), DOUBT, DOUBT, DOUBT, TO(DOUBT, SPENT)},
  };
#undef DOUBT
#undef FINISH
#undef LOOK_ON
#undef TO
  return moves[reply][nonce];
}

/* }==== */

/* {==== Ends and pauses ==== */

/* A lost upsert, which is repeated with the nonce of another session, may still show up. */
static bool is_open_upsert(const cdfw_op *op) {
  return op->is.maybe_done && op->plan.wants_session;
}

/* What becomes of the end where an attempt may have been carried out. */
static cdfw_ending doubtful(const cdfw_op *op, cdfw_ending ending) {
  return op->is.in_doubt || is_open_upsert(op) ? CDFW_ENDING_AMBIGUOUS : ending;
}

static cdfw_action finish(cdfw_op *op, cdfw_ending ending) {
  bool settled = ending == CDFW_ENDING_DONE || ending == CDFW_ENDING_UNDONE;
  if (op->is.look.aim == CDFW_AIM_SURE && !settled) ending = CDFW_ENDING_KEPT;
  if (ending != CDFW_ENDING_KEPT && !settled) ending = doubtful(op, ending);
  op->is.ending = ending;
  op->is.over = true;
  cdfw_op_leave(op);
  return ending == CDFW_ENDING_DONE ? CDFW_ACTION_DONE : CDFW_ACTION_ERROR;
}

static cdfw_action pause(cdfw_op *op, double delay) {
  op->is.delay = delay;
  return CDFW_ACTION_SLEEP;
}

/* The call went out, or was refused by a proxy, and what became of it is being found out: worth all
   the time there is. Neither max_retries nor the budget ends it, and looks grow apart. */
static bool is_finding_out(const cdfw_op *op) {
  return op->is.look.aim == CDFW_AIM_SURE || op->is.in_doubt;
}

/* A while without requests; at least `asked` seconds. */
static cdfw_action rest(cdfw_op *op, double asked, double now) {
  if (op->is.last.failure == CDFW_FAILURE_CANCELLED) return finish(op, CDFW_ENDING_OUTCOME);
  double left = op->is.deadline - now;
  double random = cdfw_random(op->plan.random_state);
  double delay = fmax(cdfw_look_delay(&op->is.look, op->is.nonce_time, now, left, random), asked);
  if (left < least_time || delay >= left) return finish(op, CDFW_ENDING_DEADLINE);
  op->is.look.looks++;
  return pause(op, delay);
}

/* Whether asking again later may go otherwise. */
static bool may_change(const cdfw_op *op, cdfw_ending ending) {
  const cdfw_outcome *last = &op->is.last;
  if (ending != CDFW_ENDING_OUTCOME) return true; /* the token came from elsewhere */
  return cdfw_policy_is_passing(last) || last->unreadable || last->status >= 500;
}

/* Trouble that nothing more is to be tried against, unless there is something to find out. */
static cdfw_action fail(cdfw_op *op, cdfw_ending ending, double now) {
  if (!is_finding_out(op) || !may_change(op, ending)) return finish(op, ending);
  return rest(op, ending == CDFW_ENDING_OUTCOME ? op->is.last.retry_after : 0, now);
}

/* }==== */

/* {==== What comes next ==== */

static cdfw_action request(cdfw_op *op, cdfw_phase phase, double now) {
  op->is.phase = phase;
  if (op->is.stranger_since == 0) op->is.stranger_since = now;
  op->is.attempts++;
  if (op->plan.auth != NULL) op->is.token_serial = op->plan.auth->serial;
  return CDFW_ACTION_HTTP;
}

static cdfw_action join(cdfw_op *op) {
  if (!op->is.joining) op->is.joined_fetch = op->plan.auth->fetches;
  op->is.joining = true;
  op->is.delay = join_interval;
  return CDFW_ACTION_JOIN;
}

static cdfw_action fetch_token(cdfw_op *op, double now) {
  op->is.joining = false;
  if (!op->plan.token_by_function) return request(op, CDFW_PHASE_TOKEN, now);
  op->is.phase = CDFW_PHASE_TOKEN;
  return CDFW_ACTION_TOKEN;
}

static bool is_stale(const cdfw_op *op, double now) {
  return op->is.nonce != CDFW_NONCE_NONE && now - op->is.nonce_asked >= CDFW_NONCE_LIFE;
}

static cdfw_action ask_session(cdfw_op *op, double now) {
  op->is.nonce_asked = now;
  return request(op, CDFW_PHASE_SESSION, now);
}

static cdfw_action ask_page(cdfw_op *op, double now) {
  cdfw_look_ask(&op->is.look, now);
  return request(op, CDFW_PHASE_LOOK, now);
}

/* The session is left alone: taking it back could end what runs with it. */
static void drop_nonce(cdfw_op *op) {
  op->is.has_surplus = op->is.has_session_id;
  op->is.has_session_id = false;
  op->is.nonce = CDFW_NONCE_NONE;
}

static cdfw_action look(cdfw_op *op, cdfw_look_aim aim, double now);

/* With a token in hand. */
static cdfw_action send_call(cdfw_op *op, double now) {
  if (op->plan.token_only) return finish(op, CDFW_ENDING_DONE);
  op->is.joining = op->is.token_is_new = false;
  if (op->is.look.aim != CDFW_AIM_NONE) return ask_page(op, now);
  if (op->plan.wants_session && is_stale(op, now)) {
    if (op->is.in_doubt) return look(op, CDFW_AIM_DOUBT, now);
    drop_nonce(op);
  }
  bool wanted = op->plan.wants_session && op->is.nonce == CDFW_NONCE_NONE;
  return wanted ? ask_session(op, now) : request(op, CDFW_PHASE_CALL, now);
}

static bool has_spare_token(const cdfw_op *op, double now) {
  const cdfw_auth *auth = op->plan.auth;
  return auth != NULL && auth->token.length > 0 && now < auth->expires;
}

/* Whatever is needed next. */
static cdfw_action proceed(cdfw_op *op, double now) {
  cdfw_auth *auth = op->plan.auth;
  if (now >= op->is.deadline) return finish(op, CDFW_ENDING_DEADLINE);
  if (auth == NULL || op->is.token_is_new) return send_call(op, now);
  if (is_finding_out(op) && now < auth->quiet_until && !has_spare_token(op, now))
    return rest(op, 0, now);
  switch (cdfw_auth_ask(auth, op, now, op->is.deadline)) {
    case CDFW_AUTH_FETCH:
      return fetch_token(op, now);
    case CDFW_AUTH_WAIT:
      return join(op);
    default:
      return send_call(op, now);
  }
}

static cdfw_action look(cdfw_op *op, cdfw_look_aim aim, double now) {
  cdfw_look_begin(&op->is.look, aim, now);
  return proceed(op, now);
}

/* }==== */

/* {==== Tokens ==== */

/* Another operation's fetch is over, or was given up. */
static cdfw_action after_join(cdfw_op *op, double now) {
  const cdfw_auth *auth = op->plan.auth;
  bool may_try = op->plan.is_patient && !op->plan.reached->provider; /* the other one was not */
  if (auth->fetches == op->is.joined_fetch || !auth->last_failed || may_try)
    return proceed(op, now);
  op->is.joining = false;
  op->is.phase = CDFW_PHASE_TOKEN;
  return fail(op, CDFW_ENDING_JOINED, now);
}

static cdfw_action use_new_token(cdfw_op *op, double now) {
  op->is.token_is_new = true;
  return proceed(op, now);
}

/* The fetch ended for a reason of this call alone, which says nothing about the token. */
static bool is_own_end(const cdfw_op *op, cdfw_ending ending) {
  if (ending != CDFW_ENDING_OUTCOME) return false;
  return op->is.last.failure == CDFW_FAILURE_CANCELLED || op->is.out_of_time;
}

/* No new token; the old one serves while it is good. Those who wait are told, unless one of them is
   to see for itself: where it was this call that had no time, or that goes on without. */
static cdfw_action without_new_token(cdfw_op *op, cdfw_ending ending, double now) {
  cdfw_auth *auth = op->plan.auth;
  if (has_spare_token(op, now)) {
    cdfw_auth_fail(auth, op, now);
    return use_new_token(op, now);
  }
  if (!is_finding_out(op) && !is_own_end(op, ending)) cdfw_auth_fail(auth, op, now);
  cdfw_auth_leave(auth, op);
  cdfw_action action = fail(op, ending, now);
  if (action == CDFW_ACTION_SLEEP) auth->quiet_until = now + op->is.delay;
  return action;
}

/* }==== */

/* {==== Errors and repeats ==== */

/* A session whose call CDF itself refused is of no use to anybody. */
static cdfw_action refuse(cdfw_op *op, double now) {
  if (!op->is.has_session_id || now >= op->is.deadline) return fail(op, CDFW_ENDING_OUTCOME, now);
  op->is.keeps_error = true;
  op->is.ending = doubtful(op, CDFW_ENDING_OUTCOME);
  return request(op, CDFW_PHASE_REVOKE, now);
}

static cdfw_action give_up(cdfw_op *op, double now) {
  bool untouched = op->is.phase == CDFW_PHASE_CALL && op->is.nonce == CDFW_NONCE_UNTOUCHED;
  if (op->is.phase == CDFW_PHASE_TOKEN) return without_new_token(op, CDFW_ENDING_OUTCOME, now);
  if (untouched && op->is.last.own && op->is.last.status == 429) return refuse(op, now);
  return fail(op, CDFW_ENDING_OUTCOME, now);
}

/* Whether the client has reached the server of this phase before; NULL: it is one of CDF's telling.
 */
static bool *acquaintance(const cdfw_op *op) {
  if (op->plan.reached == NULL) return NULL;
  return op->is.phase == CDFW_PHASE_TOKEN ? &op->plan.reached->provider : &op->plan.reached->cdf;
}

static void note_reached(cdfw_op *op) {
  bool *reached = acquaintance(op);
  op->is.is_stranger = false;
  if (!op->is.last.connected) return;
  if (reached != NULL) *reached = true;
  op->is.stranger_since = 0;
}

/* Whether the server that did not answer is one that has never been reached. */
static bool is_on_stranger(const cdfw_op *op) {
  const bool *reached = acquaintance(op);
  cdfw_failure failure = op->is.last.failure;
  bool absent = failure == CDFW_FAILURE_RESOLVE || failure == CDFW_FAILURE_CONNECT ||
                failure == CDFW_FAILURE_TIMEOUT;
  if (op->plan.is_patient || reached == NULL || *reached) return false;
  return absent && !op->is.last.connected && !is_open_upsert(op);
}

static cdfw_action repeat(cdfw_op *op, double now) {
  double asked = op->is.last.retry_after;
  op->is.delay = cdfw_policy_delay(op->is.retries, asked, cdfw_random(op->plan.random_state));
  op->is.is_stranger = is_on_stranger(op);
  if (op->is.is_stranger) op->is.delay = fmin(op->is.delay, stranger_delay);
  bool hopeless =
      op->is.is_stranger && now + op->is.delay >= op->is.stranger_since + stranger_patience;
  bool late = now + op->is.delay >= op->is.deadline;
  op->is.out_of_time = late && asked <= 0;
  if (op->is.phase == CDFW_PHASE_TOKEN && has_spare_token(op, now)) return give_up(op, now);
  bool may = op->is.retries < op->plan.max_retries && cdfw_budget_spend(op->plan.budget);
  if (late || hopeless || (!may && !is_open_upsert(op))) return give_up(op, now);
  op->is.retries++;
  return CDFW_ACTION_SLEEP;
}

static bool is_final_denial(const cdfw_op *op) {
  return op->is.phase == CDFW_PHASE_TOKEN || op->plan.auth == NULL || op->plan.token_is_fixed ||
         op->is.denied;
}

static cdfw_action after_denial(cdfw_op *op, double now) {
  op->is.denied = true;
  cdfw_auth_refuse(op->plan.auth, op->is.token_serial);
  return proceed(op, now);
}

/* }==== */

/* {==== Doubt ==== */

/* Repeating is harmless; but a nonce that may be spent is not sent twice. */
static cdfw_action repeat_harmlessly(cdfw_op *op, double now) {
  if (op->is.phase == CDFW_PHASE_CALL && !op->is.maybe_done) op->is.doubted = op->is.last;
  op->is.maybe_done = op->is.maybe_done || op->is.phase == CDFW_PHASE_CALL;
  bool had_nonce = op->is.phase == CDFW_PHASE_CALL && op->is.nonce != CDFW_NONCE_NONE;
  if (had_nonce) drop_nonce(op);
  return had_nonce || cdfw_policy_is_passing(&op->is.last) ? repeat(op, now) : give_up(op, now);
}

static cdfw_action doubt(cdfw_op *op, double now) {
  if (op->is.phase != CDFW_PHASE_CALL || op->plan.repeat == CDFW_REPEAT_SAFE)
    return repeat_harmlessly(op, now);
  if (!op->is.in_doubt) op->is.doubted = op->is.last;
  op->is.in_doubt = true;
  bool given_up = op->is.last.failure == CDFW_FAILURE_CANCELLED;
  if (given_up || op->plan.look == CDFW_LOOK_NOT) return finish(op, CDFW_ENDING_AMBIGUOUS);
  return look(op, CDFW_AIM_DOUBT, now);
}

static cdfw_action make_sure(cdfw_op *op, double now) {
  if (op->plan.look == CDFW_LOOK_NOT) return give_up(op, now);
  op->is.keeps_error = true;
  return look(op, CDFW_AIM_SURE, now);
}

/* The reply settled nothing, and the next look is not due at once. */
static cdfw_action look_on(cdfw_op *op, double now) {
  op->is.look.aim = CDFW_AIM_DOUBT;
  op->is.look.mid = false;
  return rest(op, op->is.last.retry_after, now);
}

static cdfw_action follow(cdfw_op *op, cdfw_move move, double now) {
  switch (move) {
    case CDFW_MOVE_REPEAT:
      return repeat(op, now);
    case CDFW_MOVE_RENEW:
      if (!is_final_denial(op)) return after_denial(op, now);
      return op->is.in_doubt ? look_on(op, now) : give_up(op, now);
    case CDFW_MOVE_REFUSE:
      return refuse(op, now);
    case CDFW_MOVE_MAKE_SURE:
      return make_sure(op, now);
    case CDFW_MOVE_DOUBT:
      return doubt(op, now);
    case CDFW_MOVE_LOOK_ON:
      return look_on(op, now);
    default:
      return give_up(op, now);
  }
}

/* Nothing has come of what was in doubt, and nothing can any more. A retry has no mark that would
   tell its effect from another's, and a nonce of the caller's own has no successor. */
static cdfw_action start_anew(cdfw_op *op, double now) {
  if (op->plan.look != CDFW_LOOK_MARK || !op->plan.wants_session)
    return finish(op, CDFW_ENDING_UNDONE);
  op->is.in_doubt = false;
  drop_nonce(op);
  return proceed(op, now);
}

/* A look through everything, in vain. */
static cdfw_action after_vain_look(cdfw_op *op, double now) {
  cdfw_look *look = &op->is.look;
  cdfw_look_aim aim = look->aim;
  if (aim == CDFW_AIM_SURE)
    return cdfw_look_is_late(look) ? finish(op, CDFW_ENDING_KEPT) : rest(op, 0, now);
  bool can_send = op->is.nonce == CDFW_NONCE_IN_DOUBT && !is_stale(op, now);
  bool may_send = aim == CDFW_AIM_BEFORE || (cdfw_look_is_late(look) && can_send);
  bool is_last = aim == CDFW_AIM_DOUBT && cdfw_look_is_last(look, op->is.nonce_time);
  if (!may_send && !is_last) return rest(op, 0, now);
  look->aim = CDFW_AIM_NONE;
  return is_last ? start_anew(op, now) : proceed(op, now);
}

static cdfw_action after_page(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  if (outcome->found) return finish(op, CDFW_ENDING_DONE);
  op->is.look.mid = outcome->more;
  if (!outcome->more) return after_vain_look(op, now);
  return cdfw_look_is_endless(&op->is.look) ? rest(op, 0, now) : proceed(op, now);
}

/* A look was refused for good, unless it was a page whose cursor has died: then it begins anew. */
static cdfw_action after_lookless(cdfw_op *op, cdfw_reply reply, double now) {
  bool refused = reply == CDFW_REPLY_REFUSED || reply == CDFW_REPLY_SPENT ||
                 (reply == CDFW_REPLY_DENIED && is_final_denial(op));
  if (reply == CDFW_REPLY_DENIED && !refused) return after_denial(op, now);
  if (refused && !op->is.look.mid) return finish(op, CDFW_ENDING_OUTCOME);
  if (refused) op->is.look.mid = false;
  return rest(op, op->is.last.retry_after, now);
}

/* }==== */

static cdfw_action after_session(cdfw_op *op, double now) {
  if (op->plan.session_only) return finish(op, CDFW_ENDING_DONE);
  op->is.nonce = CDFW_NONCE_UNTOUCHED;
  op->is.nonce_time = now;
  return proceed(op, now);
}

static cdfw_action after_success(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  cdfw_budget_earn(op->plan.budget);
  switch (op->is.phase) {
    case CDFW_PHASE_TOKEN:
      return use_new_token(op, now);
    case CDFW_PHASE_SESSION:
      return after_session(op, now);
    case CDFW_PHASE_LOOK:
      return after_page(op, outcome, now);
    default:
      return finish(op, CDFW_ENDING_DONE);
  }
}

static cdfw_action after_answer(cdfw_op *op, const cdfw_outcome *outcome, double now) {
  bool is_call = op->is.phase == CDFW_PHASE_CALL;
  if (op->is.phase == CDFW_PHASE_REVOKE) return finish(op, CDFW_ENDING_KEPT);
  op->is.last = *outcome;
  note_reached(op);
  cdfw_reply reply = cdfw_policy_reply(is_call ? op->plan.repeat : CDFW_REPEAT_SAFE, outcome);
  if (reply == CDFW_REPLY_SUCCESS) return after_success(op, outcome, now);
  if (op->is.phase == CDFW_PHASE_LOOK && is_finding_out(op)) return after_lookless(op, reply, now);
  cdfw_transition next = cdfw_op_move(reply, is_call ? op->is.nonce : CDFW_NONCE_NONE);
  if (is_call) op->is.nonce = next.nonce;
  return follow(op, next.move, now);
}

static cdfw_action start(cdfw_op *op, double now) {
  const cdfw_plan *plan = &op->plan;
  op->is.started = now;
  op->is.deadline = now + plan->timeout;
  if (plan->has_own_nonce) {
    op->is.nonce = CDFW_NONCE_UNTOUCHED;
    op->is.nonce_asked = op->is.nonce_time = now;
  }
  if (plan->look == CDFW_LOOK_STATE || plan->look_back > 0) return look(op, CDFW_AIM_BEFORE, now);
  return proceed(op, now);
}

cdfw_action cdfw_op_step(cdfw_op *op, cdfw_event event, const cdfw_outcome *outcome, double now) {
  switch (event) {
    case CDFW_EVENT_START:
      return start(op, now);
    case CDFW_EVENT_ANSWER:
      return after_answer(op, outcome, now);
    case CDFW_EVENT_WOKE:
      return op->is.joining ? after_join(op, now) : proceed(op, now);
    case CDFW_EVENT_TOKEN:
      /* From a store of tokens, in place of a request that was about to be sent. */
      if (!op->plan.token_by_function) op->is.attempts--;
      return use_new_token(op, now);
    default:
      return without_new_token(op, CDFW_ENDING_TOKEN, now);
  }
}

/* Whether all the time there is belongs to this attempt: nothing could follow it. */
static bool is_the_only_one(const cdfw_op *op) {
  bool once = op->plan.repeat != CDFW_REPEAT_SAFE && op->plan.look == CDFW_LOOK_NOT;
  return op->is.phase == CDFW_PHASE_CALL && (once || op->plan.is_upload);
}

double cdfw_op_attempt_timeout(const cdfw_op *op, double now) {
  double left = op->is.deadline - now;
  /* The old token must live on to be used if no new one comes. */
  if (op->is.phase == CDFW_PHASE_TOKEN && has_spare_token(op, now))
    return fmin(left, fmin(refresh_patience, (op->plan.auth->expires - now) / 2));
  if (op->is.phase == CDFW_PHASE_REVOKE) return fmin(left, revoke_patience);
  if (is_the_only_one(op)) return left;
  /* An answer that never comes must leave time to look whether the call was carried out. */
  bool looks_next = op->is.phase == CDFW_PHASE_CALL && op->plan.look != CDFW_LOOK_NOT;
  if (looks_next || op->is.in_doubt) left = fmax(left / 2, fmin(left, least_time));
  return fmin(left, attempt_patience);
}
