/* SPDX-License-Identifier: Apache-2.0
 * One operation as a state machine: it is told what happened and answers what to do next. It knows
 * phases, time, retries and doubt, and nothing of Lua, JSON, URLs or sockets.
 *
 * Doubt belongs to the nonce: a nonce binds once, so whatever an attempt with it may have done, it
 * did at most once. What an answer means for the nonce stands in one table, cdfw_op_move. */
#ifndef CDFW_OP_H
#define CDFW_OP_H

#include <stdint.h>

#include "auth.h"
#include "look.h"
#include "policy.h"

typedef enum cdfw_phase {
  CDFW_PHASE_TOKEN,   /* asking the identity provider for an access token */
  CDFW_PHASE_SESSION, /* POST /sessions, for a nonce */
  CDFW_PHASE_CALL,    /* the call itself */
  CDFW_PHASE_LOOK,    /* looking whether the call has been carried out */
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
  CDFW_ENDING_KEPT,      /* an earlier outcome was the end; its error was kept (keeps_error) */
  CDFW_ENDING_AMBIGUOUS, /* the call may have been carried out */
  CDFW_ENDING_UNDONE,    /* its answer was lost, and it has surely not been carried out */
  CDFW_ENDING_DEADLINE,  /* no time left to begin the next attempt */
  CDFW_ENDING_TOKEN,     /* the Lua function for the token failed */
  CDFW_ENDING_JOINED     /* the token fetch that this operation waited for failed */
} cdfw_ending;

/* What is known of the nonce that the call goes out with. */
typedef enum cdfw_nonce {
  CDFW_NONCE_NONE,      /* none at hand: none needed, not asked for yet, or thrown away */
  CDFW_NONCE_UNTOUCHED, /* from NONE: nothing that went out with it can have bound it */
  CDFW_NONCE_PUT_OFF,   /* from UNTOUCHED: CDF itself put an attempt off; most likely unbound */
  CDFW_NONCE_IN_DOUBT,  /* from both: an attempt with it may have been carried out. It may be sent
                           again; NONE follows only where it is surely dead, and nothing came of it
                         */
  CDFW_NONCE_SPENT      /* from IN_DOUBT: refused with 400, so most likely bound; not sent again */
} cdfw_nonce;

/* What follows from a reply to an attempt of the call. */
typedef enum cdfw_move {
  CDFW_MOVE_FINISH,    /* the result is there */
  CDFW_MOVE_REPEAT,    /* the same again, later */
  CDFW_MOVE_RENEW,     /* with another access token */
  CDFW_MOVE_REFUSE,    /* an error; the session, of no use to anybody, is revoked */
  CDFW_MOVE_FAIL,      /* an error; the session is left alone */
  CDFW_MOVE_MAKE_SURE, /* the same, but where one can look, not before nothing was found */
  CDFW_MOVE_DOUBT,     /* it may have been carried out, from now on */
  CDFW_MOVE_LOOK_ON    /* it may have been before, and this reply has settled nothing */
} cdfw_move;

typedef struct cdfw_transition {
  cdfw_move move;
  cdfw_nonce nonce; /* what is known of the nonce then */
} cdfw_transition;

/* The table: what `reply` to an attempt with a nonce in that state means. */
cdfw_transition cdfw_op_move(cdfw_reply reply, cdfw_nonce nonce);

/* Which of its servers a client has ever had a connection to. */
typedef struct cdfw_reached {
  bool provider, cdf;
} cdfw_reached;

/* Fixed for the operation, set by its creator. */
typedef struct cdfw_plan {
  cdfw_auth *auth; /* NULL: a call without access token */
  cdfw_budget *budget;
  uint64_t *random_state; /* of the client */
  cdfw_repeat repeat;     /* of the call */
  bool token_only;        /* done once there is a token */
  bool session_only;      /* done once the session is there */
  bool wants_session;     /* the call needs a nonce from a session of its own */
  bool has_own_nonce;     /* the caller's: of unknown age, and there is no other */
  bool is_upload;         /* takes as long as the bytes do */
  cdfw_look_kind look;    /* how to find out whether the call was carried out */
  double look_back;       /* seconds before the start to look for it, before it is sent; 0: not */
  bool token_by_function; /* the token comes from Lua, not from a token URL */
  bool token_is_fixed;    /* a static token: a 401 is final */
  cdfw_reached *reached;  /* of the client; NULL: the call goes elsewhere */
  bool is_patient;        /* a server that was never reached gets as much time as others */
  double timeout;         /* seconds over everything */
  unsigned max_retries;
} cdfw_plan;

/* What changes on the way. */
typedef struct cdfw_progress {
  double started, deadline; /* monotonic; deadline is 0 before the start */
  cdfw_phase phase;
  cdfw_ending ending;
  cdfw_outcome last;     /* what became of the latest attempt */
  cdfw_outcome doubted;  /* of the attempt that put the call in doubt */
  unsigned attempts;     /* requests sent off */
  unsigned retries;      /* repeats among them */
  double delay;          /* of CDFW_ACTION_SLEEP and CDFW_ACTION_JOIN */
  bool out_of_time;      /* the latest attempt failed, and another would come too late */
  double stranger_since; /* when a server was first asked that has not been reached yet; 0: none */
  bool is_stranger;      /* the latest attempt did not reach one: most likely a setting is wrong */
  bool keeps_error;      /* the error of `last` is what the caller will get: keep it now */
  bool over;             /* no further step */

  bool denied;           /* a 401 has cost one token already */
  bool token_is_new;     /* fetched for the very next request, however short it lives */
  bool joining;          /* waiting for another's token */
  unsigned joined_fetch; /* auth->fetches when the wait began */
  unsigned token_serial; /* of the token that the latest request carried */

  cdfw_nonce nonce;
  bool has_session_id; /* the session can be revoked */
  bool has_surplus;    /* a session was left alone for a new one: it is to be told of */
  double nonce_asked;  /* when the session was asked for: its nonce is no older */
  double nonce_time;   /* when the session's answer came: its nonce is no younger */

  bool in_doubt;   /* an attempt of a call that must not happen twice may have been carried out */
  bool maybe_done; /* the same of a call that is safe to repeat */
  cdfw_look look;
} cdfw_progress;

typedef struct cdfw_op {
  cdfw_plan plan;
  cdfw_progress is;
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
