/* SPDX-License-Identifier: Apache-2.0
 * The two clocks of this machine. Only the outermost code reads them; rules get times passed in. */
#ifndef CDFW_CLOCK_H
#define CDFW_CLOCK_H

/* Seconds that only go forward; counts a suspended machine's sleep where the system can. */
double cdfw_clock_monotonic(void);
/* Seconds since the epoch. */
double cdfw_clock_wall(void);

#endif
