/* SPDX-License-Identifier: Apache-2.0
 * One operation as a state machine: it is told what happened and answers what to do next. It knows
 * phases, time and retries, and nothing of Lua, JSON, URLs or sockets. */
#ifndef CDFW_OP_H
#define CDFW_OP_H

#include <stdint.h>

#include "auth.h"
#include "policy.h"

typedef enum cdfw_phase {
  CDFW_PHASE_TOKEN,   /* asking the identity provider for an access token */
  CDFW_PHASE_SESSION, /* POST /sessions, for a nonce */
  CDFW_PHASE_CALL,    /* the call itself */
  CDFW_PHASE_LOOK,    /* looking whether a call whose answer was lost has been carried out */
  CDFW_PHASE_REVOKE   /* taking back the session of a call that was refused */
} cdfw_phase;

typedef enum cdfw_action {
  CDFW_ACTION_HTTP,  /* send the request of `phase` */
  CDFW_ACTION_SLEEP, /* wait `delay` seconds */
  CDFW_ACTION_TOKEN, /* call the credentials' Lua function */
  CDFW_ACTION_JOIN,  /* wait until the operation that fetches the token is through */
  CDFW_ACTION_DONE,  /* it worked */
  CDFW_ACTION_ERROR  /* it did not; `ending` says how */
} cdfw_action;

typedef enum cdfw_event {
  CDFW_EVENT_START,
  CDFW_EVENT_ANSWER,      /* an attempt is over; comes with its outcome */
  CDFW_EVENT_WOKE,        /* the sleep or the wait for another's token is over */
  CDFW_EVENT_TOKEN,       /* Lua gave a token (its function, or a store), which auth has taken */
  CDFW_EVENT_TOKEN_FAILED /* it did not */
} cdfw_event;

typedef enum cdfw_ending {
  CDFW_ENDING_NONE,      /* not yet */
  CDFW_ENDING_DONE,      /* a success */
  CDFW_ENDING_OUTCOME,   /* the last outcome was the end */
  CDFW_ENDING_AMBIGUOUS, /* the call may have been carried out */
  CDFW_ENDING_DEADLINE,  /* no time left to begin the next attempt */
  CDFW_ENDING_TOKEN,     /* the Lua function for the token failed */
  CDFW_ENDING_JOINED     /* the token fetch that this operation waited for failed */
} cdfw_ending;

typedef struct cdfw_op {
  /* set by the creator */
  cdfw_auth *auth; /* NULL: a call without access token */
  cdfw_budget *budget;
  uint64_t *random_state; /* of the client */
  cdfw_repeat repeat;     /* of the call */
  bool token_only;        /* done once there is a token */
  bool can_look;          /* whether the call was carried out can be looked up (request_id) */
  bool is_marked;         /* what a look finds bears a mark of this call, not only its effect */
  bool wants_session;     /* the call needs a nonce from a session of its own */
  bool session_only;      /* done once the session is there */
  bool token_by_function; /* the token comes from Lua, not from a token URL */
  bool token_is_fixed;    /* a static token: a 401 is final */
  double timeout;         /* seconds over everything */
  unsigned max_retries;

  /* progress */
  double started, deadline; /* monotonic; deadline is 0 before the start */
  cdfw_phase phase;
  cdfw_ending ending;
  cdfw_outcome last; /* what became of the latest attempt */
  unsigned attempts; /* requests sent off */
  unsigned retries;  /* repeats among them */
  double delay;      /* of CDFW_ACTION_SLEEP and CDFW_ACTION_JOIN */
  bool out_of_time;  /* the latest attempt failed, and another would come too late */
  bool over;         /* no further step */

  bool denied;           /* a 401 has cost one token already */
  bool token_is_new;     /* fetched for the very next request, however short it lives */
  bool joining;          /* waiting for another's token */
  unsigned joined_fetch; /* auth->fetches when the wait began */
  unsigned token_serial; /* of the token that the latest request carried */

  bool has_nonce;
  bool has_session_id; /* the session can be revoked */
  bool nonce_in_doubt; /* CDF may have bound it: an attempt ended without a clear refusal */
  bool maybe_done;     /* an attempt of a call that is safe to repeat may have been carried out */
  double nonce_asked;  /* when the session was asked for: its nonce is no older */
  double nonce_time;   /* when the session's answer came: its nonce is no younger */

  bool lost;         /* an answer of the call was lost: it may have been carried out */
  bool refused;      /* after that, a repeat of the call was refused: its nonce is spent */
  bool looking;      /* the next request is a look, not the call */
  bool mid_look;     /* there are pages left of the look under way */
  unsigned pages;    /* of it so far */
  double look_since; /* when the latest answer was lost */
  double look_asked; /* when the first page of the latest look was asked for */
  double looked;     /* the same of the last look through everything, in vain */
} cdfw_op;

/* The next action. `outcome` belongs to CDFW_EVENT_ANSWER and is NULL otherwise. A success of the
   token phase means that auth has taken the token. */
cdfw_action cdfw_op_step(cdfw_op *op, cdfw_event event, const cdfw_outcome *outcome, double now);

/* Seconds that the attempt about to be sent may take. */
double cdfw_op_attempt_timeout(const cdfw_op *op, double now);

/* Gives up what the operation holds (the right to fetch a token). Safe to repeat. */
void cdfw_op_leave(cdfw_op *op);

/* Uniform in [0, 1). */
double cdfw_random(uint64_t *state);

#endif
