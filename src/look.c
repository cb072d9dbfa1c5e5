/* SPDX-License-Identifier: Apache-2.0
 * When to look, and how far back; see look.h. */
#include "look.h"

#include <math.h>

static const double first_interval = 1, longest_interval = 20; /* seconds */
/* Pages that are asked for without a pause: more than a look ever needs, unless they have no end.
 */
enum { QUICK_PAGES = 10 };

void cdfw_look_begin(cdfw_look *look, cdfw_look_aim aim, double now) {
  if (look->aim != aim) look->looks = 0;
  look->aim = aim;
  look->mid = false;
  look->since = now;
}

void cdfw_look_ask(cdfw_look *look, double now) {
  if (!look->mid) {
    look->asked = now;
    look->pages = 0;
  }
  look->pages++;
}

bool cdfw_look_is_late(const cdfw_look *look) {
  return look->asked - look->since >= CDFW_LIST_LAG;
}

bool cdfw_look_is_last(const cdfw_look *look, double nonce_time) {
  return look->asked - nonce_time >= CDFW_NONCE_DEATH + CDFW_LIST_LAG;
}

/* The sooner of the two, where the one that is to come has not gone by. */
static double no_later_than(double delay, double time, double now) {
  return time > now ? fmin(delay, time - now) : delay;
}

double cdfw_look_delay(const cdfw_look *look, double nonce_time, double now, double left,
                       double random) {
  unsigned doublings = look->looks < 10 ? look->looks : 10;
  double delay = fmin(first_interval * (double)(1u << doublings), longest_interval);
  delay *= 0.75 + random / 4; /* many who lost their answers together spread */
  delay = no_later_than(delay, look->since + CDFW_LIST_LAG, now);
  delay = no_later_than(delay, nonce_time + CDFW_NONCE_DEATH + CDFW_LIST_LAG, now);
  return fmax(fmin(delay, left / 2), 0.1);
}

bool cdfw_look_is_endless(const cdfw_look *look) {
  return look->pages >= QUICK_PAGES;
}

double cdfw_look_from(const cdfw_look_clocks *clocks, double first, double back) {
  double from = clocks->wall + first - clocks->wall_at;
  if (clocks->cdf >= 0) from = fmin(from, clocks->cdf + first - clocks->cdf_at);
  return floor(fmax(from - CDFW_CLOCK_MARGIN - back, 0) * 1000);
}
