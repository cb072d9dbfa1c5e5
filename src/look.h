/* SPDX-License-Identifier: Apache-2.0
 * Looking whether a call was carried out: when to look, how far back, and what a look in vain
 * shows. Pure: the time comes in, nothing is sent. Our assumptions about CDF stand here and nowhere
 * else. */
#ifndef CDFW_LOOK_H
#define CDFW_LOOK_H

#include <stdbool.h>

/* Seconds. A nonce lives «about a minute» (CDF.md 3). */
enum {
  CDFW_NONCE_LIFE = 50,   /* so old it is surely alive */
  CDFW_NONCE_DEATH = 70,  /* so old it is surely dead */
  CDFW_LIST_LAG = 10,     /* an execution shows up in the list no later than this */
  CDFW_CLOCK_MARGIN = 900 /* how far the clock behind createdTime may be off (CDF.md 20) */
};

/* How to find out whether a call was carried out. */
typedef enum cdfw_look_kind {
  CDFW_LOOK_NOT,  /* there is no way */
  CDFW_LOOK_MARK, /* a run: an execution in the list bears its request id */
  CDFW_LOOK_STATE /* a retry: the execution is not as it was before */
} cdfw_look_kind;

typedef enum cdfw_look_aim {
  CDFW_AIM_NONE,   /* not looking: the next request is the call. Any aim may follow */
  CDFW_AIM_BEFORE, /* from the start: what others have started, or how the execution was. Then NONE
                    */
  CDFW_AIM_SURE,   /* a proxy refused the call: only to be sure. Ends the operation */
  CDFW_AIM_DOUBT   /* the call may have been carried out. NONE follows when it is sent again */
} cdfw_look_aim;

typedef struct cdfw_look {
  cdfw_look_aim aim;
  bool mid;       /* there are pages left of the look under way */
  unsigned pages; /* of it so far */
  unsigned looks; /* in vain, since the aim was set */
  double since;   /* when the reply came that began, or renewed, the doubt */
  double asked;   /* when the first page of the latest look was asked for: it is no younger */
} cdfw_look;

void cdfw_look_begin(cdfw_look *look, cdfw_look_aim aim, double now);
/* A page is being asked for. */
void cdfw_look_ask(cdfw_look *look, double now);
/* The latest look would have shown an effect of what was sent before `since`. */
bool cdfw_look_is_late(const cdfw_look *look);
/* It would have shown whatever a nonce of that birth could still bring about. */
bool cdfw_look_is_last(const cdfw_look *look, double nonce_time);
/* Seconds until the next look: looks grow apart, and the two above are not slept through. `left` is
   the time until the deadline, `random` in [0, 1). */
double cdfw_look_delay(const cdfw_look *look, double nonce_time, double now, double left,
                       double random);
/* Whether to pause before the next page, since the pages have no end. */
bool cdfw_look_is_endless(const cdfw_look *look);

/* Two clocks, as they were read: CDF's Date header and this machine's. */
typedef struct cdfw_look_clocks {
  double cdf;     /* seconds since the epoch; -1: no Date yet */
  double cdf_at;  /* monotonic time of that answer */
  double wall;    /* seconds since the epoch */
  double wall_at; /* monotonic time of that reading */
} cdfw_look_clocks;

/* Milliseconds since the epoch from which on to look for what was sent at the monotonic time
   `first` or up to `back` seconds before: by the more cautious of the clocks. */
double cdfw_look_from(const cdfw_look_clocks *clocks, double first, double back);

#endif
